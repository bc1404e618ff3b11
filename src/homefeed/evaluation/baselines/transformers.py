"""SASRec and eSASRec of ``rectools``: what a user clicked lately, in its order.

Kang and McAuley, Self-Attentive Sequential Recommendation, 2018; Vasilev et al., eSASRec, 2025: the same objective with LiGR layers and a
sampled softmax.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.baselines.clicks import MOST_CLICKED, Rows, clicks_of
from homefeed.evaluation.baselines.epochs import EpochWatch
from homefeed.evaluation.baselines.job import Job, Outcome
from homefeed.evaluation.baselines.names import SASREC
from homefeed.evaluation.baselines.scored_lists import filled_up
from homefeed.evaluation.baselines.tuning import TUNED_BY, TUNED_K, list_value, validation_of
from homefeed.evaluation.protocol import Protocol
from homefeed.metrics.ranking import RankedRows

BLOCKS, HEADS, FACTORS, LAST_CLICKS, NEGATIVES, MAX_EPOCHS, UNVALIDATED_EPOCHS = 2, 4, 96, 100, 256, 100, 10
_COMMON = {"n_blocks": BLOCKS, "n_heads": HEADS, "n_factors": FACTORS, "session_max_len": LAST_CLICKS, "dropout_rate": 0.2, "lr": 1e-3, "batch_size": 128}


def run_transformer(name: str, job: Job) -> Outcome:
    """Of the recipe's settings only the number of epochs is chosen, by the validation slice.

    Where no time is left to learn all of the train side, the best validated weights are used; they too read all clicks of the train side when asked.
    """
    limit = MOST_CLICKED if name == SASREC else None  # its softmax is over all items
    tables = _Tables(job.dataset, limit)
    model, words = _chosen(name, job, tables, limit)
    lists = tables.lists(model, job.protocol, job.k)
    remark = f"of the {MOST_CLICKED:,} most clicked items alone, {tables.left_out:,} left out for memory" if tables.left_out else ""
    return Outcome(f"{_in_words(name)}; {words}", remark, lists=filled_up(lists, job.hottest))


class _Tables:
    """Clicks as the library reads them; ids are our rows, moments are places in the log's order."""

    def __init__(self, dataset: ProcessedDataset, limit: int | None) -> None:
        from pandas import DataFrame, to_datetime
        from rectools.dataset import Dataset

        kept = clicks_of(dataset.train, len(dataset.users), len(dataset.items), limit)
        rows = _clicks_in_order(dataset.train, kept.columns)
        self.columns, self.left_out = kept.columns, kept.left_out
        moments = to_datetime(np.arange(len(rows)), unit="s")
        self.table = Dataset.construct(DataFrame({"user_id": rows.user, "item_id": rows.item, "weight": 1.0, "datetime": moments}))

    def lists(self, model: Any, protocol: Protocol, k: int) -> RankedRows:
        """int32[U, k], 0 where the model has no more to say."""
        known = model.data_preparator.get_known_item_ids()
        listed = np.intersect1d(np.intersect1d(self.columns, protocol.catalogue), known)
        lists = np.zeros((len(protocol), k), np.int32)
        seen = len(protocol.seen.items) > 0
        found = model.recommend(protocol.users, self.table, min(k, len(listed)), seen, listed, on_unsupported_targets="ignore")
        lists[np.searchsorted(protocol.users, found["user_id"]), found["rank"] - 1] = found["item_id"]
        return lists


def _chosen(name: str, job: Job, tables: _Tables, limit: int | None) -> tuple[Any, str]:
    inner, protocol = validation_of(job.dataset, job.seed)
    if not len(protocol):
        return _fitted(name, tables, UNVALIDATED_EPOCHS, job.seed), f"{UNVALIDATED_EPOCHS} epochs, nobody to validate on"
    learned = _Tables(inner, limit)
    watch = EpochWatch(lambda model: list_value(protocol, learned.lists(model, protocol, TUNED_K)), job.budget_seconds)
    model = _fitted(name, learned, MAX_EPOCHS, job.seed, watch)
    words = f"{watch.best_epoch} of {watch.epochs} epochs by {TUNED_BY} on the validation slice ({watch.best:.4f}){watch.why_ended}"
    if watch.may_fit_again():
        return _fitted(name, tables, watch.best_epoch, job.seed), words
    model.torch_model.load_state_dict(watch.best_weights)
    return model, f"{words}; no time to learn the slice too"


def _fitted(name: str, tables: _Tables, epochs: int, seed: int, watch: EpochWatch | None = None) -> Any:
    from pytorch_lightning import Trainer, seed_everything
    from rectools.models import SASRecModel

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    seed_everything(seed, verbose=False)
    model = SASRecModel(**_recipe(name))
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "enable_checkpointing": False}
    model._trainer = Trainer(max_epochs=epochs, devices=1, callbacks=[watch.callback(model)] if watch else [], **quiet)
    with warnings.catch_warnings(action="ignore"):
        model.fit(tables.table)
    return model


def _recipe(name: str) -> dict[str, Any]:
    if name == SASREC:
        return {**_COMMON, "loss": "softmax"}
    from rectools.models.nn.transformers.ligr import LiGRLayers

    return {**_COMMON, "loss": "sampled_softmax", "n_negatives": NEGATIVES, "transformer_layers_type": LiGRLayers}


def _clicks_in_order(rows: Interactions, columns: Rows) -> Interactions:
    clicks = rows.take((rows.label > 0) & np.isin(rows.item, columns) & (rows.user > 0))
    return clicks.take(np.argsort(clicks.ts_us, kind="stable"))


def _in_words(name: str) -> str:
    loss = "softmax over all items" if name == SASREC else f"LiGR layers, sampled softmax with {NEGATIVES} negatives"
    return f"{BLOCKS} blocks, {HEADS} heads, {FACTORS} factors, last {LAST_CLICKS} clicks, {loss}"
