"""Whether the log and a feature file speak of the same users (or items), and what keeps them apart where they do not."""

from __future__ import annotations

import polars as pl

from homefeed.etl.raw_features import RawFeatures
from homefeed.etl.shown import shown

FEW, MANY = 0.5, 0.5
REPAIRS = {
    "without leading zeros": pl.col("id").str.strip_chars_start("0"),
    "in lower case": pl.col("id").str.to_lowercase(),
    "without blanks around them": pl.col("id").str.strip_chars(),
    "without a decimal part": pl.col("id").str.replace(r"\.0+$", ""),
    "without quotes": pl.col("id").str.strip_chars("\"'"),
    "by their digits alone": pl.col("id").str.replace_all(r"\D", ""),
}
"""Ways in which two systems write one id differently."""


def overlap(what: str, log_ids: pl.Series, features: RawFeatures, other_side: pl.Series) -> tuple[str, list[str]]:
    """A line of figures, and warnings. ``what``: ``users`` or ``items``; ``other_side``: the log's ids of the other kind, to notice swapped columns."""
    name = features.path.name
    both = _common(log_ids, features.ids)
    with_features, in_log = both / len(log_ids), both / len(features.ids)
    fact = f"{name}: {with_features:.1%} of the log's {what} have a row here; {in_log:.1%} of the {len(features.ids):,} {what} here are in the log"
    if with_features >= FEW:
        missing = _without(log_ids, features.ids)
        return fact, [f"{len(missing):,} {what} of the log have no row in {name}, such as {_example(missing)}"] if len(missing) else []
    return fact, [_apart(name, what, log_ids, features.ids, with_features), *_why(name, what, log_ids, features.ids, other_side)]


def _apart(name: str, what: str, log_ids: pl.Series, ids: pl.Series, share: float) -> str:
    mine, theirs = (_example(_without(one, other)) for one, other in ((ids, log_ids), (log_ids, ids)))
    few = f"Only {share:.1%} of the log's {what} have" if share else f"None of the log's {what} has"
    return f"{few} a row in {name}, and so tags: {name} has ids such as {mine}, the log {theirs}"


def _why(name: str, what: str, log_ids: pl.Series, ids: pl.Series, other_side: pl.Series) -> list[str]:
    if _common(other_side, ids) / len(other_side) > MANY:
        return [f"{name} holds the ids of the log's other id column: are uid and iid swapped?"]
    for how, repair in REPAIRS.items():
        mine, theirs = (series.alias("id").to_frame().select(pl.col("id").alias("raw"), repair).filter(pl.col("id") != "") for series in (log_ids, ids))
        same = mine.join(theirs, on="id").unique("raw").sort("raw")
        if len(same) / len(log_ids) > MANY:
            example = same.row(len(same) // 2, named=True)
            pair = f"{shown(example['raw'])} in the log, {shown(example['raw_right'])} in {name}"
            return [f"Written {how}, most {what} would be the same on both sides ({pair}): write them alike in both files"]
    return []


def _common(one: pl.Series, other: pl.Series) -> int:
    return len(one.to_frame("id").join(other.to_frame("id"), on="id", how="semi"))


def _without(one: pl.Series, other: pl.Series) -> pl.Series:
    return one.to_frame("id").join(other.to_frame("id"), on="id", how="anti").to_series()


def _example(ids: pl.Series) -> str:
    """The id in the middle: the first ones are often odd."""
    return shown(ids.sort()[len(ids) // 2]) if len(ids) else "none"
