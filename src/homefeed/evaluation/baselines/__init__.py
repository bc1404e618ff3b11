"""What a team would pick instead of this feed, on the same rows: from nothing at all to the strongest open recipes."""

from __future__ import annotations

from homefeed.evaluation.baselines.names import HOTNESS, POPULARITY, RANDOM
from homefeed.evaluation.baselines.results import BaselineNote, BaselineResults
from homefeed.evaluation.baselines.run import run_baselines
from homefeed.evaluation.baselines.simple import baseline_lists

__all__ = ["HOTNESS", "POPULARITY", "RANDOM", "BaselineNote", "BaselineResults", "baseline_lists", "run_baselines"]
