"""Where a report is kept: one JSON file for programs and one page for people."""

from __future__ import annotations

import os
from pathlib import Path

from homefeed.evaluation.page import render_page
from homefeed.evaluation.report import EvaluationReport

JSON_NAME, PAGE_NAME = "evaluation.json", "evaluation.html"


def save_report(report: EvaluationReport, folder: Path) -> tuple[Path, Path]:
    """Write both files whole; returns the paths of the JSON file and the page."""
    folder.mkdir(parents=True, exist_ok=True)
    return _write(folder / JSON_NAME, report.to_json()), _write(folder / PAGE_NAME, render_page(report))


def _write(path: Path, text: str) -> Path:
    staging = path.with_name(f".{path.name}.tmp")
    staging.write_text(text, encoding="utf-8")
    os.replace(staging, path)
    return path
