"""Where a closed loop's report is kept: one JSON file for programs and one page for people."""

from __future__ import annotations

from pathlib import Path

from homefeed.artifacts.disk import whole_file
from homefeed.simulation.loop.page import render_page
from homefeed.simulation.loop.report import LoopReport

JSON_NAME, PAGE_NAME = "loop.json", "loop.html"


def save_report(report: LoopReport, folder: Path) -> tuple[Path, Path]:
    """Write both files, or on a full disk neither; returns their paths. Raises ``ArtifactError`` on a full disk."""
    data, page = folder / JSON_NAME, folder / PAGE_NAME
    with whole_file(data) as fresh_data, whole_file(page) as fresh_page:
        fresh_data.write_text(report.to_json(), encoding="utf-8")
        fresh_page.write_text(render_page(report), encoding="utf-8")
    return data, page
