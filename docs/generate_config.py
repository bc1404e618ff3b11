"""Writes docs/config.md from ``homefeed.config``: ``python docs/generate_config.py``. A test proves that the page is up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from homefeed.config import Config, Section

PAGE = Path(__file__).with_name("config.md")
HEAD = """\
# Settings

This page is generated from [src/homefeed/config.py](../src/homefeed/config.py) by `python docs/generate_config.py`; do not edit it by hand.

A setting comes from four places. The later one wins:

1. the default below,
2. a TOML file: `--config FILE`, else the file named by `RECSYS_CONFIG`, else `homefeed.toml` in the working directory where there is one,
3. an environment variable `RECSYS_…` (an empty one counts as not set; one that is not listed here is not read),
4. a flag of the command line, where the command has one (`homefeed export --help`).

A key that does not exist, or a value that cannot be used, ends the command with one message that names the place it came from.
An example: [configs/grocer.toml](../configs/grocer.toml).

In TOML a key `redis.port` is `port` in the table `[redis]`. Lists are TOML arrays; in a variable their parts are separated by commas.
Durations are written `90m`, `48h` or `2d`.

`redis.host`, `redis.port` and `redis.db` name a Redis only when they come from a variable or a flag. In the TOML file they move the default address,
which is used where no store was named and no export has been made yet ([store.md](store.md)).
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole of config.md."""
    fields = list(Config.model_fields.items())
    tables = [_table("General", "", [(name, field) for name, field in fields if not _section(field)])]
    for name, field in fields:
        if section := _section(field):
            key = field.alias or name
            tables.append(_table(f"`[{key}]`", f"{key}.", list(section.model_fields.items())))
    return "\n".join((HEAD, *tables))


def _table(title: str, prefix: str, fields: list[tuple[str, FieldInfo]]) -> str:
    return "\n".join([f"## {title}", "", "| setting | variable | default | meaning |", "|---|---|---|---|", *_rows(prefix, fields), ""])


def _rows(prefix: str, fields: list[tuple[str, FieldInfo]]) -> Iterator[str]:
    for name, field in fields:
        key = prefix + (field.alias or name)
        variable = "TOML only" if get_origin(field.annotation) is dict else f"`RECSYS_{key.replace('.', '_').upper()}`"
        cells = (f"`{key}`", variable, _default(field.default), (field.description or "") + _limits(field))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return f"`{', '.join(map(str, value))}`" if value else "none"
    if isinstance(value, dict):
        return ", ".join(f'`{name} = "{kind}"`' for name, kind in value.items()) or "none"
    return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    return f"{value.total_seconds() / 3600:g}h" if isinstance(value, timedelta) else str(value)


def _limits(field: FieldInfo) -> str:
    """What values are allowed, where the type alone does not say."""
    kinds = (field.annotation, *get_args(field.annotation))
    choices = [json.dumps(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    parts = [f"`{choice}`" for choice in choices] or [bound for part in field.metadata if (bound := _bound(part))]
    return f" ({', '.join(parts)})" if parts else ""


def _bound(part: object) -> str:
    match part:
        case Ge(ge=least):
            return f"at least {least}"
        case Gt(gt=below):
            return f"above {_plain(below)}"
        case Le(le=most):
            return f"at most {most}"
        case Lt(lt=above):
            return f"below {above}"
        case _:
            return ""


def _section(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


if __name__ == "__main__":
    main()
