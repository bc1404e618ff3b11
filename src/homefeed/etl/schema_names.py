"""Names that a schema's columns cannot have, because the tables need them."""

from __future__ import annotations

from homefeed.core.columns import AVAILABLE, IID, LOG_COLUMNS, UID, Schema
from homefeed.core.errors import ConfigError

RESERVED = frozenset({*LOG_COLUMNS, "id", "slot", "row", "fault", "open_end", "rows", "tag_slot", "hotness_end", "hotness_split", "clicks_split"})


def check_names(schema: Schema) -> None:
    """Raises ``ConfigError`` when two columns share a name, one has a reserved name, or one is a flag that means nothing."""
    names = [column.name for column in (*schema.user, *schema.item)]
    twice = sorted({name for name in names if names.count(name) > 1})
    reserved = sorted(set(names) & RESERVED)
    if twice:
        raise ConfigError(f"The [schema] names {', '.join(twice)} twice", expected="users and items to have columns of different names")
    if reserved or any("=" in name for name in names):
        raise ConfigError(f"A column of the [schema] cannot be called {', '.join(reserved) or 'something with ='}", next_step="Rename it in the [schema]")
    flags = sorted(column.name for column in (*schema.user, *schema.item) if column.kind == "flag" and column.name != AVAILABLE)
    if flags:
        raise ConfigError(
            f"The [schema] calls {', '.join(flags)} a flag, and {AVAILABLE} is the only one there is",
            expected="category, multi or number",
            next_step=f'For a column of 0 and 1 as a tag: {flags[0]} = "category"',
        )
    if any(column.name == AVAILABLE for column in schema.user):
        raise ConfigError(f"The [schema] gives users a column {AVAILABLE}", expected=f"it among the item's columns, beside {IID}, not {UID}")
