"""Three fits, never confused: which rows each of them is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from processed_shop import processed_shop

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import SplitKind
from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.models.weights import ModelWeights
from homefeed.training.three_fits import three_fits, validation_split, with_metrics

Call = tuple[Interactions, int, Interactions | None]


@pytest.fixture(scope="module", params=["global", "per-user"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("data"), etl={"split": request.param})


class Recorder:
    """A fit that remembers what it was given, and finds 3 epochs best."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, rows: Interactions, epochs: int, validation: Interactions | None) -> tuple[ModelWeights, int]:
        self.calls.append((rows, epochs, validation))
        scale = NumberScale(np.zeros(0, np.float32), np.ones(0, np.float32))
        arrays = {"fit": np.array([len(self.calls)], np.float32)}
        return ModelWeights("recorded", arrays, Vocabulary(np.zeros(1, np.int32), 1, 2), scale, scale, {}), 3


def keys(rows: Interactions) -> list[tuple[int, int, int]]:
    return sorted(zip(rows.ts_us.tolist(), rows.user.tolist(), rows.item.tolist(), strict=True))


def test_epochs_are_chosen_on_train_rows_alone_and_each_fit_sees_its_rows(dataset: ProcessedDataset) -> None:
    recorder = Recorder()
    fitted = three_fits(recorder, dataset, 20, 0.1, refit=True)
    (learn, limit, validate), (train, epochs, none), (everything, same, nothing) = recorder.calls
    assert validate is not None
    assert (limit, epochs, same, none, nothing) == (20, 3, 3, None, None)
    assert keys(Interactions.concatenate([learn, validate])) == keys(train) == keys(dataset.train)
    assert keys(everything) == sorted(keys(dataset.train) + keys(dataset.test))
    assert [c.model.arrays["fit"][0] for c in (fitted.reported, fitted.served)] == [2, 3]


def test_checkpoints_say_which_rows_they_have_seen_and_until_when(dataset: ProcessedDataset) -> None:
    fitted = three_fits(Recorder(), dataset, 20, 0.1, refit=True)
    reported, served = fitted.reported, fitted.served
    assert (reported.rows_seen, reported.fitted_until_us) == ("train", int(dataset.train.ts_us.max()))
    assert (served.rows_seen, served.fitted_until_us) == ("all", max(int(side.ts_us.max()) for side in (dataset.train, dataset.test)))
    assert reported.split_id == served.split_id == dataset.meta.split.id
    assert reported.fingerprint == served.fingerprint == dataset.meta.lineage.fingerprint


def test_without_a_refit_the_reported_model_is_served_and_nothing_sees_the_test_side(dataset: ProcessedDataset) -> None:
    recorder = Recorder()
    fitted = three_fits(recorder, dataset, 20, 0.1, refit=False)
    assert len(recorder.calls) == 2
    assert fitted.served is fitted.reported
    test_rows = set(keys(dataset.test)) - set(keys(dataset.train))
    assert all(test_rows.isdisjoint(keys(rows)) for rows, _, _ in recorder.calls)


def test_the_validation_slice_is_the_last_part_in_time(dataset: ProcessedDataset) -> None:
    learn, validate = validation_split(dataset, 0.25)
    assert len(validate) / len(dataset.train) == pytest.approx(0.25, abs=0.02)
    if dataset.meta.split.kind == "global":
        assert learn.ts_us.max() < validate.ts_us.min()
        return
    for user in np.unique(validate.user):
        assert learn.ts_us[learn.user == user].max() < validate.ts_us[validate.user == user].min()


def test_figures_of_the_reported_model_go_with_the_served_one(dataset: ProcessedDataset) -> None:
    fitted = with_metrics(three_fits(Recorder(), dataset, 20, 0.1, refit=True), {"auc": 0.7})
    assert dict(fitted.served.metrics) == dict(fitted.reported.metrics) == {"epochs": 3.0, "auc": 0.7}


@pytest.mark.parametrize("kind", ["global", "per-user"])
@pytest.mark.parametrize("moments", [1, 2, 3])
def test_a_short_train_side_may_leave_nothing_to_validate_on_and_never_nothing_to_learn_from(kind: SplitKind, moments: int, dataset: ProcessedDataset) -> None:
    train = dataset.train.take(np.arange(moments))
    meta = replace(dataset.meta, split=replace(dataset.meta.split, kind=kind))
    learn, validate = validation_split(replace(dataset, meta=meta, train=train), 0.1)
    assert len(learn) > 0
    assert keys(Interactions.concatenate([learn, validate])) == keys(train)
