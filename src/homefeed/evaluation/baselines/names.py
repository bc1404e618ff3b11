"""The baselines by name, as reports and the command line spell them."""

from __future__ import annotations

from collections.abc import Sequence

from homefeed.core.errors import ConfigError

RANDOM, POPULARITY, HOTNESS = "random", "popularity", "hotness"
ITEM_KNN, IALS, BPR, EASE = "ItemKNN", "iALS", "BPR", "EASE"
SASREC, ESASREC = "SASRec", "eSASRec"
LOGISTIC, LIGHTGBM = "logistic regression", "LightGBM"

SIMPLE = (RANDOM, POPULARITY, HOTNESS)
"""What needs no fit, and is always there."""
LISTS = (*SIMPLE, ITEM_KNN, IALS, BPR, EASE, SASREC, ESASREC)
RANK = (LOGISTIC, LIGHTGBM)
"""What gives click probabilities."""
ALL = (*LISTS, *RANK)


def baselines_named(texts: Sequence[str]) -> tuple[str, ...]:
    """The names meant, in our spelling and order, each once: case, spaces and hyphens do not count, ``all`` is all of them. Raises ``ConfigError``."""
    plain = {_plain(name): name for name in ALL}
    wanted = {_plain(text) for text in texts}
    if unknown := sorted(wanted - plain.keys() - {"all"}):
        raise ConfigError(f"No baseline is called {', '.join(unknown)}", expected=f"some of: {', '.join(ALL)}; or all")
    return tuple(name for key, name in plain.items() if key in wanted or "all" in wanted)


def _plain(text: str) -> str:
    return text.lower().replace(" ", "").replace("-", "").replace("_", "")
