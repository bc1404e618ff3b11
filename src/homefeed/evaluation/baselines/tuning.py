"""Settings are chosen on a validation slice: the last part of the train side, parted as the dataset's split parts train and test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.baselines.job import Stopwatch
from homefeed.evaluation.protocol import Protocol, protocol_of
from homefeed.metrics.ranking import RankedRows, Relevant, hits, ndcg_at_k
from homefeed.training.three_fits import validation_split

VALIDATION_FRACTION = 0.1
TUNED_BY, TUNED_K = "NDCG@50", 50
"""Between the two that lists are judged by: recall of the first 50 and the order of the first 10."""
MOST_USERS = 2_000
TUNING_SHARE = 0.5
"""Of the budget, after which no further setting is tried."""

Setting = Mapping[str, float]


def validation_of(dataset: ProcessedDataset, seed: int) -> tuple[ProcessedDataset, Protocol]:
    """The dataset whose test side is the validation slice, and at most ``MOST_USERS`` of the users who click in it, drawn at random.

    Nothing in it knows of the test side; its items' facts are left for nobody to read.
    """
    learn, validate = validation_split(dataset, VALIDATION_FRACTION)
    inner = replace(dataset, train=learn, test=validate)
    protocol = protocol_of(inner)
    if len(protocol) > MOST_USERS:
        protocol = _of_users(protocol, np.sort(np.random.default_rng(seed).choice(len(protocol), MOST_USERS, replace=False)))
    return inner, protocol


def best_setting(settings: Iterable[Setting], value: Callable[[Setting], float], budget_seconds: float, by: str = TUNED_BY) -> tuple[Setting, str]:
    """The setting of the highest value, and the words for a report; of those that the budget leaves time for, the first in any case.

    A value below 0 is that of a loss.
    """
    tried: list[tuple[float, Setting]] = []
    watch, waiting = Stopwatch(), list(settings)
    while waiting and (not tried or watch.seconds() < TUNING_SHARE * budget_seconds):
        setting = waiting.pop(0)
        tried.append((value(setting), setting))
    top, best = max(tried, key=lambda pair: pair[0])
    untried = f", {len(waiting)} not tried for want of time" if waiting else ""
    return best, f"{in_words(best)}: best of {len(tried)} settings by {by} on the validation slice ({abs(top):.4f}){untried}"


def list_value(protocol: Protocol, lists: RankedRows) -> float:
    """What lists are tuned by; 0 where nobody was asked."""
    if not len(protocol):
        return 0.0
    return float(ndcg_at_k(hits(lists, protocol.relevant), protocol.relevant.counts(), TUNED_K).mean())


def in_words(setting: Setting) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in setting.items())


def _of_users(protocol: Protocol, chosen: npt.NDArray[np.int64]) -> Protocol:
    relevant, seen = (_of_rows(pairs, chosen) for pairs in (protocol.relevant, protocol.seen))
    return Protocol(protocol.users[chosen], relevant, seen, protocol.warm[chosen], protocol.catalogue)


def _of_rows(pairs: Relevant, chosen: npt.NDArray[np.int64]) -> Relevant:
    parts = [pairs.items[pairs.offsets[u] : pairs.offsets[u + 1]] for u in chosen.tolist()]
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return Relevant(offsets, np.concatenate(parts))
