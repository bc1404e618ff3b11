"""What a training run says about its reported model: figures on the test side, beside what a shop could do without it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.bundle import SeenItems
from homefeed.artifacts.checkpoint import Checkpoint, refuse_if_it_saw_the_test_side, reported
from homefeed.artifacts.processed import ProcessedDataset
from homefeed.bootstrap.measure_orders import measure_orders
from homefeed.config import ExportConfig
from homefeed.core.progress import Progress, Silent
from homefeed.evaluation.baselines import HOTNESS, POPULARITY, baseline_lists
from homefeed.evaluation.protocol import Protocol, protocol_of
from homefeed.metrics.beyond_accuracy import coverage_at_k
from homefeed.metrics.calibration import expected_calibration_error
from homefeed.metrics.classification import auc, gauc, log_loss
from homefeed.metrics.ranking import RankedRows, hits, ndcg_at_k, recall_at_k
from homefeed.recall.fresh import draw_into, fresh_of
from homefeed.recall.lists import hot_items, merged_lists
from homefeed.recall.moment import blend_of, channels_of
from homefeed.recall.release import MEASURED
from homefeed.training.logistic_baseline import logistic_probabilities
from homefeed.training.rank_deepfm import predict

LIST_SIZE, FIGURE_WIDTH = 100, 6
SMALL_CATALOGUE = 500
"""Below so many items fifty places hold too much of the catalogue to tell two lists apart."""
AGAINST_DRAWN = "_against_drawn_negatives"
"""Ends the names of figures that no click rate can be read from, wherever they are kept: checkpoints, the release's record."""
Figures = dict[str, float]


def recall_lists(dataset: ProcessedDataset, recall: Checkpoint, protocol: Protocol, config: ExportConfig) -> RankedRows:
    """int32[U, 100]: the lists that ``/recall`` would serve to the protocol's users, over the full catalogue."""
    users, hotness = protocol.users.astype(np.int64), dataset.facts.hotness_split
    hot = hot_items(hotness, dataset.facts.available, config.hot_size)
    seen = SeenItems(protocol.seen.offsets, protocol.seen.items)
    channels = channels_of(dataset, recall, users)
    merged = merged_lists(channels, blend_of(recall), hot, dataset.facts.available, seen, config, Silent())
    fresh, uids = fresh_of(dataset, recall, config, MEASURED), [dataset.users.ids[user] for user in users.tolist()]
    return draw_into(merged, channels, seen, fresh, uids, MEASURED, config).items


def measure_recall(dataset: ProcessedDataset, checkpoint: Checkpoint, config: ExportConfig, progress: Progress) -> Figures:
    """Figures by name, those of warm users with ``_warm``; a table beside popularity and hotness is said."""
    refuse_if_it_saw_the_test_side(checkpoint, reported(checkpoint.model.kind), dataset.meta)
    protocol = protocol_of(dataset)
    if not len(protocol):
        progress.say("No figures: nobody clicks on the test side what a list could hold.")
        return {}
    lists = {"DSSM": recall_lists(dataset, checkpoint, protocol, config)} | baseline_lists(protocol, dataset.facts, LIST_SIZE, np.random.default_rng(0))
    figures = {name: _recall_figures(ranked, protocol) for name, ranked in lists.items()}
    _say_table(f"test side, {len(protocol):,} users who click ({int(protocol.warm.sum()):,} warm), full catalogue", figures, progress)
    k = 50 if len(protocol.catalogue) >= SMALL_CATALOGUE else 10
    ahead = figures["DSSM"][f"recall_at_{k}"] / max(figures[POPULARITY][f"recall_at_{k}"], 1e-12)
    progress.say(f"DSSM recall@{k} is {ahead:.2f} times that of popularity" + ("" if ahead > 1 else ": this model is no better than a bestseller list"))
    return figures["DSSM"]


def measure_rank(dataset: ProcessedDataset, checkpoint: Checkpoint, progress: Progress) -> Figures:
    """AUC, GAUC, log loss and calibration error on the test side; a table beside logistic regression and hotness is said.

    Their names end in ``AGAINST_DRAWN`` where the 0 rows were drawn.
    """
    refuse_if_it_saw_the_test_side(checkpoint, reported(checkpoint.model.kind), dataset.meta)
    test = dataset.test
    if not 0 < test.label.mean() < 1:
        progress.say("No figures: the test side has one label only.")
        return {}
    p_click = predict(checkpoint.model, dataset, test)
    figures = {"DeepFM": _rank_figures(dataset, p_click)}
    if (logistic := logistic_probabilities(dataset)) is not None:
        figures["logistic regression"] = _rank_figures(dataset, logistic)
    figures[HOTNESS] = {"auc": auc(test.label, test.hotness), "gauc": gauc(test.user, test.label, test.hotness)}
    drawn = int(test.drawn.sum())
    rows = f"{len(test) - drawn:,} clicks against {drawn:,} drawn negatives, not a click rate" if drawn else f"{len(test):,} rows"
    _say_table(f"test side, {rows}, hotness at each row's own moment", figures, progress)
    orders = measure_orders(dataset, checkpoint, p_click)
    if orders:
        progress.say("orders, as far as they have come: " + ", ".join(f"{name} {figure:.4f}" for name, figure in orders.items()))
    return {name + AGAINST_DRAWN * bool(drawn): figure for name, figure in figures["DeepFM"].items()} | orders


def _recall_figures(ranked: RankedRows, protocol: Protocol) -> Figures:
    hit, counts, warm = hits(ranked, protocol.relevant), protocol.relevant.counts(), protocol.warm
    values = {f"recall_at_{k}": recall_at_k(hit, counts, k) for k in (10, 50, 100)} | {"ndcg_at_10": ndcg_at_k(hit, counts, 10)}
    figures = {name: float(v.mean()) for name, v in values.items()}
    if warm.any():
        figures |= {f"{name}_warm": float(v[warm].mean()) for name, v in values.items()}
    return figures | {"coverage_at_10": coverage_at_k(ranked, len(protocol.catalogue), 10)}


def _rank_figures(dataset: ProcessedDataset, p: npt.NDArray[np.floating]) -> Figures:
    test = dataset.test
    return {
        "auc": auc(test.label, p),
        "gauc": gauc(test.user, test.label, p),
        "log_loss": log_loss(test.label, p),
        "calibration_error": expected_calibration_error(test.label, p),
    }


def _say_table(title: str, figures: Mapping[str, Figures], progress: Progress) -> None:
    names = [name.ljust(FIGURE_WIDTH) for name in next(iter(figures.values()))]
    width = max(len(contender) for contender in figures)
    progress.say(title)
    progress.say("  " + " " * width + "".join(f"  {name}" for name in names))
    for contender, row in figures.items():
        progress.say(f"  {contender:<{width}}" + "".join(f"  {_cell(row, name):>{len(name)}}" for name in names))


def _cell(row: Figures, name: str) -> str:
    figure = row.get(name.strip())
    return "-" if figure is None else f"{figure:.4f}"
