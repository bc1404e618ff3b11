"""Hotness in columns: the twin of ``features.hotness`` (which defines it) for every row at its own moment, and the decayed sums at one moment."""

from __future__ import annotations

import narwhals as nw

from homefeed.etl.engines.polars_engine import Table
from homefeed.features.hotness import HotnessRule

BLOCK_HALF_LIVES = 400
"""Decay is reckoned from an anchor every so many half-lives, since ``2 ** (span / half_life)`` overflows over a whole log.

Rows before the preceding anchor count nothing: after 400 half-lives 1e-120 of them is left.
"""
PAST_IMPRESSIONS, PAST_CLICKS = "past_impressions", "past_clicks"


def own_moment(log: Table, rule: HotnessRule, start_us: int, asked: Table | None = None) -> Table:
    """``item``, ``ts_us``, ``hotness`` (f64) for each pair in the log, from strictly earlier rows alone; ``start_us``: the log's first moment.

    ``asked``: further pairs of an item and a moment of the log, which are answered and count nothing.
    """
    pairs = _pairs(log)
    is_first = (nw.col("ts_us") == nw.col("ts_us").min().over("item")).cast(nw.Int64)
    moments = pairs.with_columns(is_first.alias("new_items")).group_by("ts_us").agg(nw.col("impressions", "clicks", "new_items").sum())
    items_seen = nw.col("new_items").cum_sum().over(order_by="ts_us") - nw.col("new_items")
    catalogue = _with_past(moments.with_columns(items_seen.alias("items_seen")), (), rule, start_us).select(
        "ts_us", "items_seen", nw.col(PAST_IMPRESSIONS).alias("total_impressions"), nw.col(PAST_CLICKS).alias("total_clicks")
    )
    every = pairs if asked is None else nw.concat([pairs, _counting_nothing(asked, pairs)])
    return _with_past(every, ("item",), rule, start_us).join(catalogue, on="ts_us").select("item", "ts_us", _score(rule).alias("hotness"))


def decayed_sums(log: Table, moment_us: int, rule: HotnessRule) -> Table:
    """``item``, ``rows`` (raw count), ``impressions`` and ``clicks`` (decayed) of each item, from the rows strictly before ``moment_us``.

    Summed in order of time, so that one log gives the same bits in every run; a sum of parts has them from whichever thread comes first.
    """
    decay = _power_of_two((nw.col("ts_us") - moment_us) / rule.half_life_us)
    pairs = _pairs(log.filter(nw.col("ts_us") < moment_us)).with_columns(nw.col("impressions").alias("rows"), nw.col("impressions", "clicks") * decay)
    until = pairs.with_columns(nw.col("impressions", "clicks").cum_sum().over("item", order_by="ts_us"))
    return until.group_by("item").agg(nw.col("rows").sum().cast(nw.Int64), nw.col("impressions", "clicks").max())


def _pairs(log: Table) -> Table:
    """``impressions`` and ``clicks`` of each ``item`` and ``ts_us``, f64."""
    return log.group_by("item", "ts_us").agg(nw.len().cast(nw.Float64).alias("impressions"), _clicks().sum().alias("clicks"))


def _counting_nothing(asked: Table, pairs: Table) -> Table:
    """The pairs that the log has not, without an impression."""
    nothing = nw.lit(0.0, nw.Float64)
    return asked.select("item", "ts_us").unique().join(pairs, on=["item", "ts_us"], how="anti").with_columns(impressions=nothing, clicks=nothing)


def _with_past(sums: Table, by: tuple[str, ...], rule: HotnessRule, start_us: int) -> Table:
    """Adds the decayed sums over strictly earlier moments of the same ``by``; ``sums`` has one row for each ``by`` and moment."""
    block_us = int(BLOCK_HALF_LIVES * rule.half_life_us)
    since = nw.col("ts_us") - start_us
    anchored = sums.with_columns((since // block_us).alias("block"), _power_of_two((since % block_us) / rule.half_life_us).alias("growth"))
    scaled = anchored.with_columns((nw.col("impressions") * nw.col("growth")).alias("s_i"), (nw.col("clicks") * nw.col("growth")).alias("s_c"))
    until = scaled.with_columns(nw.col("s_i", "s_c").cum_sum().over(*by, "block", order_by="ts_us").name.suffix("_until"))
    within = until.with_columns(nw.col("s_i_until", "s_c_until").shift(1).over(*by, "block", order_by="ts_us").fill_null(0.0))
    carried = scaled.group_by(*by, "block").agg(nw.col("s_i", "s_c").sum().name.suffix("_carried")).with_columns(nw.col("block") + 1)
    both = within.join(carried, on=[*by, "block"], how="left")
    left = 2.0**-BLOCK_HALF_LIVES

    def past(name: str) -> nw.Expr:
        return (nw.col(f"{name}_until") + nw.col(f"{name}_carried").fill_null(0.0) * left) / nw.col("growth")

    return both.with_columns(past("s_i").alias(PAST_IMPRESSIONS), past("s_c").alias(PAST_CLICKS))


def _score(rule: HotnessRule) -> nw.Expr:
    impressions, clicks, m = nw.col(PAST_IMPRESSIONS), nw.col(PAST_CLICKS), rule.prior_impressions
    rate = nw.col("total_clicks") / nw.col("total_impressions")
    lift = nw.when(nw.col("total_clicks") > 0).then((clicks + rate * m) / (impressions + m) / rate).otherwise(nw.lit(1.0))
    share = nw.when(nw.col("total_impressions") > 0).then(impressions * nw.col("items_seen") / nw.col("total_impressions")).otherwise(nw.lit(0.0))
    return lift * ((share + 1).log() + 1) / 2


def _clicks() -> nw.Expr:
    """Weight of a row's click, 0 where it was not clicked."""
    return (nw.col("label") * nw.col("weight")).cast(nw.Float64)


def _power_of_two(exponent: nw.Expr) -> nw.Expr:
    return (exponent * 0.6931471805599453).exp()
