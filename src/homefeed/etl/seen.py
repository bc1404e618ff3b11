"""Whether to leave out what a user has clicked before: a grocer's customers come back for the same milk, a cinema's do not."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

from homefeed.artifacts.dataset_meta import Seen
from homefeed.config import SeenPolicy
from homefeed.etl.engines.polars_engine import Table

REPEATED_SHARE = 0.10


def repeats(train: Table) -> Table:
    """One row of counts over the train side's rows.

    ``clicks``; ``again_clicks`` of ``again_rows``: rows of an item that their user has clicked earlier (strictly smaller ts);
    ``other_clicks`` of ``other_rows``: the other rows of the users who have such rows.
    """
    clicked = train.filter(nw.col("label") == 1).group_by("user", "item").agg(nw.col("ts_us").min().alias("first_click_us"))
    again = train.join(clicked, on=["user", "item"], how="left").select(
        "user", "label", (nw.col("ts_us") > nw.col("first_click_us")).fill_null(False).alias("again")
    )
    label, is_again = nw.col("label").cast(nw.Int64), nw.col("again").cast(nw.Int64)
    users = again.group_by("user").agg(
        nw.len().alias("rows"), label.sum().alias("clicks"), is_again.sum().alias("again_rows"), (label * is_again).sum().alias("again_clicks")
    )
    concerned = (nw.col("again_rows") > 0).cast(nw.Int64)
    return users.select(
        nw.col("rows", "clicks", "again_rows", "again_clicks").sum(),
        ((nw.col("rows") - nw.col("again_rows")) * concerned).sum().alias("other_rows"),
        ((nw.col("clicks") - nw.col("again_clicks")) * concerned).sum().alias("other_clicks"),
    )


def choose(setting: SeenPolicy, counts: Mapping[str, int]) -> Seen:
    """The policy and why, from the counts of ``repeats``."""
    if setting != "auto":
        return Seen(setting, "set in the configuration")
    if counts["clicks"] == counts["rows"]:
        share = counts["again_clicks"] / counts["clicks"]
        relation = "over" if share > REPEATED_SHARE else "not over"
        return Seen(
            "keep" if share > REPEATED_SHARE else "exclude",
            f"positives only, and {share:.1%} of the clicks repeat an earlier one, {relation} {REPEATED_SHARE:.0%}",
        )
    if not counts["again_rows"]:
        return Seen("exclude", "no item is ever shown again to a user who clicked it")
    again, other = counts["again_clicks"] / counts["again_rows"], counts["other_clicks"] / max(counts["other_rows"], 1)
    relation = "at least as often as" if again >= other else "less often than"
    reason = f"items shown again to users who clicked them are clicked {relation} those users' other rows ({again:.1%} against {other:.1%})"
    return Seen("keep" if again >= other else "exclude", reason)
