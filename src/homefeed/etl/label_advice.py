"""Why a log's labels cannot be read, and the lines to paste that would let them be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from homefeed.core.columns import EVENT, LABEL, Schema
from homefeed.etl.events import label_rule
from homefeed.etl.raw_tables import Opened
from homefeed.etl.shown import shown

SHOWN_VALUES, MOST_KINDS = 6, 20
FEW = 0.05
SHOWN_IN_VAIN = re.compile(r"(?i)(pv|view|views|viewed|show|shown|impression|impressions|imp|exposure|display|seen|no|false|n|f)")
WEIGHTS = {"cart": 3, "addtocart": 3, "add_to_cart": 3, "buy": 5, "purchase": 5, "order": 5, "transaction": 5}


def label_advice(opened: Opened, schema: Schema) -> list[str]:
    """Nothing where nearly all of the first rows' labels (or kinds of event) can be read: the others are mistakes, which the rejects tell."""
    dialect = opened.dialect
    column = EVENT if EVENT in dialect.columns else LABEL
    if column not in dialect.columns:
        return []
    rule, place = label_rule(dialect.columns, schema.events), dialect.columns.index(column)
    values = Counter(text.strip() for text in opened.sample.column(place))
    strange = {value: n for value, n in values.most_common() if value and (rule is None or value not in rule.labels)}
    if sum(strange.values()) <= FEW * len(opened.sample.rows):
        return []
    kinds = "/".join(f"'{shown(value)}'" for value in list(strange)[:SHOWN_VALUES]) + "/…" * (len(strange) > SHOWN_VALUES)
    where = f"column {place + 1} ({column})"
    expected = "expected 0/1" if rule is None or rule.column == LABEL else f"expected {rule.expected}"
    clicks = sum(n for value, n in values.items() if rule is not None and rule.labels.get(value))
    lines = [f"{dialect.path.name}: {clicks:,} clicks in the first {len(opened.sample.rows):,} rows: {where} holds {kinds}, {expected}"]
    if len(strange) > MOST_KINDS:
        return [
            *lines,
            f"It holds {len(strange):,} different values: is it another column? The order is ts, uid, iid, label unless a header row says otherwise",
        ]
    return [*lines, *_to_paste(opened, column, values, schema.events)]


def _to_paste(opened: Opened, column: str, values: Mapping[str, int], known: Mapping[str, float]) -> list[str]:
    """Kinds of event say what they mean in the settings; for that the column must be called so."""
    steps = []
    if column == LABEL and opened.dialect.has_header:
        steps.append("To use these values, call the column event instead of label")
    elif column == LABEL:
        names = (EVENT if name == LABEL else shown(name) for name in opened.dialect.columns)
        steps.append(f"To use these values, put a header row on top of the file: {opened.dialect.separator.join(names)}")
    weights = {value: known.get(value, _weight(value)) for value in values if value}
    steps += [f"{'and into' if steps else 'Into'} homefeed.toml, with weights as you see fit (0: shown in vain):", "  [events]"]
    return [*steps, *(f"  {_key(value)} = {weight:g}" for value, weight in weights.items())]


def _weight(value: str) -> int:
    return 0 if value == "0" or SHOWN_IN_VAIN.fullmatch(value) else WEIGHTS.get(value.lower(), 1)


def _key(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z0-9_-]+", value) else '"' + shown(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
