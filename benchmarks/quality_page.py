"""``quality.md``: tables of the newest record of each set, between two marks; what people write around them stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.process import REPOSITORY
from benchmarks.quality_record import QualityRecord, ShopFigures, StageFigures
from homefeed.evaluation.report import Difference, Figure

PAGE = REPOSITORY / "benchmarks" / "quality.md"
BEGIN, END = "<!-- tables: made by python -m benchmarks.quality, do not edit -->", "<!-- end of tables -->"
TITLES = {"recall": "Recall stage, whole catalogue", "rank": "Rank stage, test impressions", "slate": "Final slate, as served"}
GROUPS = {"active": "active in the log", "silent": "known by tags alone"}


def render(records: Sequence[QualityRecord], path: Path = PAGE) -> None:
    """Raises ``ValueError`` where the page has lost its marks."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} lacks the mark {BEGIN if not begin else END}")
    path.write_text(f"{before}{BEGIN}\n\n{tables(records)}\n\n{END}{after}", encoding="utf-8")


def tables(records: Sequence[QualityRecord]) -> str:
    parts = [part for record in records if record.kind == "evaluation" for part in _evaluation(record)]
    shops = [record for record in records if record.kind == "shop"]
    return "\n\n".join([*parts, *(_shops(shops) if shops else ())])


def _evaluation(record: QualityRecord) -> Iterator[str]:
    facts = record.dataset
    if facts is None:
        return
    yield f"## {record.set}, {facts.split} split"
    yield (
        f"{facts.users:,} users, {facts.items:,} items; {facts.train_rows:,} train rows and {facts.test_rows:,} test rows; "
        f"what a user clicked before is {'left out' if facts.seen_policy == 'exclude' else 'kept'}. {_provenance(record)}"
    )
    for figures in sorted(record.stages, key=lambda f: (("slate", "recall", "rank").index(f.stage), f.segment)):
        yield f"**{TITLES[figures.stage]}: {figures.segment} ({figures.users:,} users).** {_ahead(figures)}"
        yield _stage_table(figures)
    if record.calibration:
        c = record.calibration
        yield f"Calibration error {c.error:.4f}, allowed {c.limit:.4f} (a perfect model: {c.perfect_95:.4f} in 95 of 100 cases)."
    yield _notes(record)


def _stage_table(figures: StageFigures) -> str:
    metrics = list(next(iter(figures.figures.values())))
    rows = [[name, *(_cell(row.get(metric)) for metric in metrics)] for name, row in figures.figures.items()]
    return _table(["", *metrics], rows)


def _ahead(figures: StageFigures) -> str:
    if figures.best is None or figures.best not in figures.ahead:
        return "No baseline to compare with."
    return f"{figures.ours} less {figures.best}, the best baseline, {figures.lead}: {_difference(figures.ahead[figures.best])}."


def _notes(record: QualityRecord) -> str:
    rows = [
        [name, f"{note.seconds:.0f}", note.tuning or "-", note.remark or ("-" if note.finished else "gave nothing")] for name, note in record.baselines.items()
    ]
    return _table(["baseline", "seconds", "tuned on the validation slice of the train side", "remark"], rows)


def _shops(records: Sequence[QualityRecord]) -> Iterator[str]:
    yield "## Simulated shops, by their truth"
    yield (
        "Share of the gap between a random slate (0) and the best possible one (1) that the served slates of ten close on the day after the log, "
        "with 95 % intervals over users; the default release, fitted on the whole log."
    )
    heads = ["shop", "users", "closed", "best single list", "feed less single list", "true CTR", "random", "best possible", "short / repeated / foreign"]
    yield _table(heads, [_shop_row(record, figures) for record in records for figures in record.shop])
    yield "\n".join(f"- {record.set}: {_provenance(record)}" for record in records)


def _shop_row(record: QualityRecord, figures: ShopFigures) -> list[str]:
    rates = [f"{rate:.4f}" for rate in (figures.ours, figures.random, figures.best)]
    faults = f"{figures.short} / {figures.repeated} / {figures.foreign}"
    who = f"{figures.users} {GROUPS.get(figures.group, figures.group)}"
    return [record.set, who, _cell(figures.closed), f"{figures.single_closed:.4f}", _cell(figures.ahead_of_single), *rates, faults]


def _provenance(record: QualityRecord) -> str:
    machine = record.machine
    seconds = ", ".join(f"{step} {s:.0f} s" for step, s in record.seconds.items())
    commit = f"commit {machine.commit}{' with local changes' if machine.changed else ''}" if machine.commit else "no commit"
    return f"{seconds} on {machine.cores} cores ({machine.processor}); {machine.date[:10]}, {commit}; `{record.command}`."


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "-"
    return f"{figure.value:.4f}" + ("" if figure.low is None or figure.high is None else f" ({figure.low:.4f} to {figure.high:.4f})")


def _difference(d: Difference) -> str:
    if d.value is None or d.low is None or d.high is None:
        return "cannot be told"
    return f"{d.value:+.4f} ({d.low:+.4f} to {d.high:+.4f}{'' if d.p is None else f', p {d.p:.2g}'}), {d.verdict}"
