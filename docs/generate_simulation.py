"""Writes the tables of docs/simulation.md from the simulator's settings: ``python docs/generate_simulation.py``. A test proves that they are up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homefeed.config import Section
from homefeed.simulation.shop.presets import PRESETS
from homefeed.simulation.shop.settings import SimulationSettings

PAGE = Path(__file__).with_name("simulation.md")
BEGIN, END = "<!-- knobs: made by docs/generate_simulation.py -->", "<!-- end of knobs -->"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """The page with its tables made anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + "\n\n" + "\n".join([*_presets(), "", *_knobs()]) + "\n" + END + tail


def _presets() -> Iterator[str]:
    yield "| preset | what it turns |"
    yield "|---|---|"
    for name, sections in PRESETS.items():
        turned = [f"`{section}.{knob} = {_toml(value)}`" for section, knobs in sections.items() for knob, value in knobs.items()]
        yield f"| `{name}` | {', '.join(turned) or 'nothing: the defaults below'} |"


def _knobs() -> Iterator[str]:
    for section, field in SimulationSettings.model_fields.items():
        kind = field.annotation
        assert isinstance(kind, type) and issubclass(kind, Section)  # noqa: S101, PT018
        yield from (f"### `[{section}]`", "", "| knob | default | meaning |", "|---|---|---|")
        for knob, one in kind.model_fields.items():
            yield f"| `{knob}` | `{_toml(one.default)}` | {one.description} |"
        yield ""


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    main()
