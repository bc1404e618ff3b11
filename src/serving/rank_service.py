"""``RankService``, by the contract's path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from homefeed.serving.rank_service import RankService

__all__ = ["RankService"]
