"""The page of the simulator names every knob with its default."""

from __future__ import annotations

import runpy

from doc_pages import REPOSITORY, Page


def test_the_knobs_on_the_page_are_those_of_the_settings() -> None:
    text = Page(REPOSITORY / "docs" / "simulation.md").text
    made = runpy.run_path(str(REPOSITORY / "docs" / "generate_simulation.py"))["page"](text)
    assert text == made, "The simulator's settings have changed. Write the tables again: python docs/generate_simulation.py"
    assert "| `position_bias` | `0.0` |" in text
