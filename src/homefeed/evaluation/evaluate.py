"""The whole picture of the reported models: recall stage, rank stage and final slate, against what users went on to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.core.errors import ArtifactError
from homefeed.evaluation.baselines.names import SIMPLE
from homefeed.evaluation.baselines.results import BaselineResults
from homefeed.evaluation.catalogue import Catalogue, catalogue_of
from homefeed.evaluation.list_report import list_report
from homefeed.evaluation.listed import Listed, listed
from homefeed.evaluation.protocol import Protocol, protocol_of
from homefeed.evaluation.rank_report import baseline_predictions, rank_report
from homefeed.evaluation.report import FORMAT, DatasetFacts, EvaluationReport
from homefeed.evaluation.served import ServedSlates
from homefeed.evaluation.source_report import source_report
from homefeed.metrics.ranking import RankedRows

DSSM, DEEPFM, FEED, UNRANKED = "DSSM", "DeepFM", "the feed", "recall order"


@dataclass(frozen=True, slots=True)
class Ours:
    """What is measured, of models that have seen the train side alone.

    ``recall_lists``: int32[U, K], item rows for ``evaluated_users``, best first, 0-padded. ``p_click``: float32[N_test]. ``slates``: of ten or more places.
    ``orders``: figures of the chance of an order (``order_figures``), none where the shop has no orders.
    """

    recall_lists: RankedRows
    p_click: npt.NDArray[np.float32]
    slates: ServedSlates
    orders: Mapping[str, float] = field(default_factory=dict)


def evaluate(dataset: ProcessedDataset, ours: Ours, baselines: BaselineResults, rng: np.random.Generator, made_at: datetime) -> EvaluationReport:
    """Chooses nothing: everything it is given was fitted and chosen before. Raises ``ArtifactError`` when nobody clicks in the test side."""
    protocol = protocol_of(dataset)
    _check(dataset, protocol, ours)
    catalogue = catalogue_of(dataset, protocol)
    recalled = listed("recall", protocol, catalogue, {DSSM: ours.recall_lists}, baselines.lists)
    slates = _slates(protocol, catalogue, ours, baselines)
    predictions = baseline_predictions(dataset, frozenset(SIMPLE).intersection(baselines.notes), baselines.p_click)
    return EvaluationReport(
        format=FORMAT,
        made_at=made_at.isoformat(timespec="seconds"),
        dataset=_facts(dataset),
        baselines=dict(baselines.notes),
        recall=list_report(recalled, rng),
        rank=rank_report(dataset, DEEPFM, ours.p_click, predictions, rng),
        slate=replace(list_report(slates, rng), sources=source_report(ours.slates, slates.hits[FEED])),
        orders=dict(ours.orders),
    )


def _slates(protocol: Protocol, catalogue: Catalogue, ours: Ours, baselines: BaselineResults) -> Listed:
    """Everybody's first page, as long as the slates."""
    k = ours.slates.items.shape[1]
    pages = {name: ranked[:, :k] for name, ranked in baselines.lists.items()}
    return listed("slate", protocol, catalogue, {FEED: ours.slates.items, UNRANKED: ours.recall_lists[:, :k]}, pages)


def _check(dataset: ProcessedDataset, protocol: Protocol, ours: Ours) -> None:
    if not len(protocol):
        raise ArtifactError(
            "Nobody clicks anything in the test side that a list could have held",
            expected="at least one user with a click after the split",
            next_step="Give the test side more rows: homefeed etl with a larger etl.test_fraction",
        )
    given = (len(ours.recall_lists), len(ours.slates.items), len(ours.p_click))
    wanted = (len(protocol), len(protocol), len(dataset.test))
    if given != wanted:
        raise ValueError(f"lists, slates and probabilities of {given} rows, expected {wanted}")


def _facts(dataset: ProcessedDataset) -> DatasetFacts:
    meta, train, test = dataset.meta, dataset.train.of_the_log(), dataset.test.of_the_log()
    return DatasetFacts(
        users=len(dataset.users) - 1,
        items=len(dataset.items) - 1,
        train_rows=len(train),
        test_rows=len(test),
        train_click_rate=float((train.label > 0).mean()) if len(train) else 0.0,
        test_click_rate=float((test.label > 0).mean()),
        split=meta.split.kind,
        test_from_us=meta.split.test_from_us,
        seen_policy=meta.seen.policy,
        seen_reason=meta.seen.reason,
        drawn_negatives=meta.sample_negatives,
    )
