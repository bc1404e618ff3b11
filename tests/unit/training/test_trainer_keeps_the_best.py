"""The training loop on a model whose every step is known: one weight that grows by one a step."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Silent
from homefeed.training.trainer import Schedule, Validate, Work, run_epochs, shuffled_rows

STEPS = 4
"""A weight after epoch e of one that grows by 1 a step is 4 e."""


class OneWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))


def growing(model: OneWeight) -> Work[int]:
    """Its gradient is -1 everywhere."""
    return Work("a weight", STEPS, lambda generator: range(STEPS), lambda batch, generator: -model.weight, lambda batch: 1)


def steady(epochs: int, patience: int = 100) -> Schedule:
    return Schedule(epochs, patience, decay=1.0, warm_up=0)


def run(model: OneWeight, scores: Sequence[float], patience: int = 100) -> tuple[int, list[float]]:
    """The best epoch, and the weight at each validation."""
    weights: list[float] = []

    def score() -> float:
        weights.append(model.weight.item())
        return scores[len(weights) - 1]

    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    best = run_epochs(model, optimiser, growing(model), steady(len(scores), patience), 0, Silent(), Validate("worth", score))
    return best, weights


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.1, 0.5, 0.3], 2), ([0.5, 0.4, 0.3], 1), ([-3.0, -2.0, -1.0], 3), ([0.5, 0.5, 0.5], 1), ([float("nan"), 0.2, 0.1], 2)],
    ids=["in the middle", "at once", "a loss with its sign turned", "nothing gained", "a score that is no number"],
)
def test_a_model_ends_as_its_best_epoch_left_it(scores: list[float], best: int) -> None:
    model = OneWeight()
    assert run(model, scores) == (best, [STEPS * epoch for epoch in range(1, len(scores) + 1)])
    assert model.weight.item() == STEPS * best


@pytest.mark.parametrize(("patience", "epochs_run"), [(1, 3), (2, 4), (3, 7)])
def test_it_ends_after_so_many_epochs_without_a_better_one(patience: int, epochs_run: int) -> None:
    model = OneWeight()
    best, weights = run(model, [0.1, 0.5, 0.4, 0.3, 0.6, 0.2, 0.1, 0.0][: 7 if patience == 3 else 8], patience)
    assert len(weights) == epochs_run
    assert best == (5 if patience == 3 else 2)
    assert model.weight.item() == STEPS * best


def test_without_a_validation_all_epochs_count() -> None:
    model = OneWeight()
    assert run_epochs(model, torch.optim.SGD(model.parameters(), lr=1.0), growing(model), steady(5), 0, Silent()) == 5
    assert model.weight.item() == STEPS * 5


def test_the_step_size_warms_up_and_then_shrinks_each_epoch() -> None:
    """Halved from epoch to epoch and evenly within one, the first two of the steps at a half and in full."""
    model = OneWeight()
    run_epochs(model, torch.optim.SGD(model.parameters(), lr=8.0), growing(model), Schedule(2, 1, decay=0.5, warm_up=2), 0, Silent())
    expected = sum(8.0 * min((k + 1) / 2, 1.0) * 0.5 ** (k / STEPS) for k in range(2 * STEPS))
    assert model.weight.item() == pytest.approx(expected, rel=1e-6)


def test_a_batch_is_drawn_from_the_seed_alone() -> None:
    def batches(seed: int) -> list[list[int]]:
        model, seen = OneWeight(), []

        def step(batch: Tensor, generator: torch.Generator) -> Tensor:
            seen.append(batch.tolist())
            return -model.weight

        work = Work("a weight", 300, shuffled_rows(300, 128), step, len)
        run_epochs(model, torch.optim.SGD(model.parameters(), lr=1.0), work, steady(2), seed, Silent())
        return seen

    first = batches(1)
    assert sorted(row for batch in first[: len(first) // 2] for row in batch) == list(range(300)), "each epoch takes every row once"
    torch.manual_seed(99)
    assert first == batches(1) != batches(2)


def test_a_validation_that_leaves_the_model_asleep_does_not_matter() -> None:
    model, awake = OneWeight(), []

    def step(batch: int, generator: torch.Generator) -> Tensor:
        awake.append(model.training)
        return -model.weight

    def score() -> float:
        model.eval()
        return 1.0

    work = Work("a weight", STEPS, lambda generator: range(STEPS), step, lambda batch: 1)
    run_epochs(model, torch.optim.SGD(model.parameters(), lr=1.0), work, steady(2), 0, Silent(), Validate("worth", score))
    assert awake == [True] * 2 * STEPS


def test_numbers_that_are_not_finite_are_no_model() -> None:
    model = OneWeight()
    with pytest.raises(ArtifactError, match=r"a weight.*diverged"):
        run_epochs(model, torch.optim.SGD(model.parameters(), lr=float("inf")), growing(model), steady(1), 0, Silent())
