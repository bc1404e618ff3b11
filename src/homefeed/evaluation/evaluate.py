"""The whole picture of the reported models: recall stage, rank stage and final slate, against what users went on to do."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.core.errors import ArtifactError
from homefeed.evaluation.baselines import baseline_lists
from homefeed.evaluation.list_report import recall_report, slate_report
from homefeed.evaluation.protocol import Protocol, protocol_of
from homefeed.evaluation.rank_report import rank_report
from homefeed.evaluation.report import DatasetFacts, EvaluationReport
from homefeed.metrics.ranking import RankedRows

DSSM, DEEPFM, FEED, UNRANKED = "DSSM", "DeepFM", "the feed", "recall order"
LIST_SIZE = 100


def evaluate(
    dataset: ProcessedDataset,
    recall_lists: RankedRows,
    p_click: npt.NDArray[np.float32],
    slates: RankedRows,
    rng: np.random.Generator,
    made_at: datetime,
) -> EvaluationReport:
    """``recall_lists`` int32[U, K] and ``slates`` int32[U, 10 or more]: item rows for ``evaluated_users``, best first, 0-padded; ``p_click`` float32[N_test].

    All of models that have seen the train side alone. Raises ``ArtifactError`` when nobody clicks in the test side.
    """
    protocol = protocol_of(dataset)
    _check(dataset, protocol, recall_lists, p_click, slates)
    baselines = baseline_lists(protocol, dataset.facts, LIST_SIZE, rng)
    return EvaluationReport(
        made_at=made_at.isoformat(timespec="seconds"),
        dataset=_facts(dataset),
        recall=recall_report(protocol, {DSSM: recall_lists, **baselines}, rng),
        rank=rank_report(dataset, DEEPFM, p_click, rng),
        slate=slate_report(protocol, {FEED: slates, UNRANKED: recall_lists, **baselines}, rng),
    )


def _check(dataset: ProcessedDataset, protocol: Protocol, recall_lists: RankedRows, p_click: npt.NDArray[np.float32], slates: RankedRows) -> None:
    if not len(protocol):
        raise ArtifactError(
            "Nobody clicks anything in the test side that a list could have held",
            expected="at least one user with a click after the split",
            next_step="Give the test side more rows: homefeed etl with a larger etl.test_fraction",
        )
    given = (len(recall_lists), len(slates), len(p_click))
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
