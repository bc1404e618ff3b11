"""The loss computed in slices, with its own gradient, against the formula left to autograd."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from homefeed.models import losses
from homefeed.models.losses import Kind, Targets, pool_loss

B, P, D = 7, 11, 4


@dataclass(frozen=True)
class Problem:
    wants: Tensor
    vectors: Tensor
    bias: Tensor
    targets: Targets
    log_inclusion: Tensor


def problem(sampled: bool, seed: int = 0) -> Problem:
    """A row without targets, one with the same target twice, one whose weights sum to less than 1."""
    generator = torch.Generator().manual_seed(seed)
    row = torch.tensor([0, 0, 0, 1, 1, 3, 4, 4, 5, 6])
    column = torch.tensor([2, 5, 9, 4, 4, 0, 10, 1, 7, 7])
    weight = torch.tensor([0.5, 0.3, 0.2, 0.6, 0.4, 1.0, 0.3, 0.2, 1.0, 0.1])
    wants, vectors, bias = (torch.randn(*shape, generator=generator) for shape in ((B, D), (P, D), (P,)))
    log_inclusion = (torch.rand(P, generator=generator) * 0.9 + 0.05).log() if sampled else torch.zeros(P)
    return Problem(wants, vectors, bias, Targets(row, column, weight), log_inclusion)


def reference(p: Problem, kind: Kind) -> Tensor:
    """Target by target, negative by negative."""
    scores = p.wants @ p.vectors.T + p.bias
    total, n = torch.zeros(()), float(p.targets.weight.sum())
    mine = {row: [k for k in range(len(p.targets.row)) if int(p.targets.row[k]) == row] for row in range(len(p.wants))}
    for row, targets in mine.items():
        right = {int(p.targets.column[k]) for k in targets}
        for k in targets:
            weight, column = p.targets.weight[k], int(p.targets.column[k])
            if kind == "softmax":
                corrected = scores[row] - p.log_inclusion
                total = total - weight * (corrected[column] - torch.logsumexp(corrected, 0))
            else:
                negatives = [F.softplus(scores[row, c]) / p.log_inclusion[c].exp() for c in range(len(p.vectors)) if c not in right]
                total = total + weight * (F.softplus(-scores[row, column]) + torch.stack(negatives).sum())
    return total / n


def with_gradients(p: Problem, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, (p.wants, p.vectors, p.bias)))


def asked(sampled: bool) -> Problem:
    p = problem(sampled)
    for tensor in (p.wants, p.vectors, p.bias):
        tensor.requires_grad_()
    return p


@pytest.mark.parametrize("slice_scores", [P, 3 * P, 6_000_000])
@pytest.mark.parametrize("sampled", [False, True], ids=["whole pool", "sampled pool"])
@pytest.mark.parametrize("kind", ["softmax", "bce"])
def test_the_gradient_is_that_of_the_formula(kind: Kind, sampled: bool, slice_scores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "SLICE_SCORES", slice_scores)
    p = asked(sampled)
    loss = pool_loss(p.wants, p.vectors, p.bias, p.targets, p.log_inclusion, kind, half=False)
    for got, expected in zip(with_gradients(p, loss), with_gradients(p, reference(p, kind)), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("sampled", [False, True], ids=["whole pool", "sampled pool"])
def test_the_softmax_that_is_shown_is_the_formulas(sampled: bool) -> None:
    p = problem(sampled)
    got = pool_loss(p.wants, p.vectors, p.bias, p.targets, p.log_inclusion, "softmax", half=False)
    assert float(got) == pytest.approx(float(reference(p, "softmax")), rel=1e-5)


def test_the_cross_entropy_that_is_shown_is_that_of_the_targets_alone() -> None:
    p = problem(sampled=False)
    scores = p.wants @ p.vectors.T + p.bias
    expected = (p.targets.weight * F.softplus(-scores[p.targets.row, p.targets.column])).sum() / p.targets.weight.sum()
    assert float(pool_loss(p.wants, p.vectors, p.bias, p.targets, p.log_inclusion, "bce", half=False)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("kind", ["softmax", "bce"])
def test_a_loss_that_counts_double_has_twice_the_gradient(kind: Kind) -> None:
    p = asked(sampled=False)
    one, two = (with_gradients(p, n * pool_loss(p.wants, p.vectors, p.bias, p.targets, p.log_inclusion, kind, half=False)) for n in (1, 2))
    for single, double in zip(one, two, strict=True):
        torch.testing.assert_close(2 * single, double)


@pytest.mark.parametrize("kind", ["softmax", "bce"])
def test_half_precision_points_the_same_way(kind: Kind) -> None:
    p = asked(sampled=True)
    whole, half = (with_gradients(p, pool_loss(p.wants, p.vectors, p.bias, p.targets, p.log_inclusion, kind, half=h)) for h in (False, True))
    for one, other in zip(whole, half, strict=True):
        assert other.dtype == torch.float32
        assert float(F.cosine_similarity(one.flatten(), other.flatten(), 0)) > 0.999


@pytest.mark.parametrize("kind", ["softmax", "bce"])
def test_sampled_negatives_pull_on_average_as_all_of_them_do(kind: Kind) -> None:
    """What the correction is for: over many drawn pools the gradient of what is wanted is that against the catalogue."""
    generator = torch.Generator().manual_seed(1)
    n, chance = 400, 0.25
    wants = torch.randn(1, D, generator=generator, requires_grad=True)
    vectors, bias = torch.randn(n, D, generator=generator) * 0.5 + 0.5, torch.zeros(n)
    always = torch.tensor([3])

    def gradient(rows: Tensor, log_inclusion: Tensor) -> Tensor:
        column = torch.searchsorted(rows, always)
        targets = Targets(torch.zeros(1, dtype=torch.int64), column, torch.ones(1))
        return torch.autograd.grad(pool_loss(wants, vectors[rows], bias[rows], targets, log_inclusion, kind, half=False), wants)[0]

    whole = gradient(torch.arange(n), torch.zeros(n))
    drawn, uncorrected = [], []
    for _ in range(300):
        rows = torch.unique(torch.cat([always, (torch.rand(n, generator=generator) < chance).nonzero().flatten()]))
        inclusion = torch.where(rows == 3, 1.0, chance)
        drawn.append(gradient(rows, inclusion.log()))
        uncorrected.append(gradient(rows, torch.zeros(len(rows))))
    off = float((torch.stack(drawn).mean(0) - whole).norm() / whole.norm())
    assert off < 0.05
    if kind == "bce":
        assert float((torch.stack(uncorrected).mean(0) - whole).norm() / whole.norm()) > 0.3


@pytest.mark.parametrize("kind", ["softmax", "bce"])
def test_nothing_that_was_right_is_no_loss(kind: Kind) -> None:
    nothing = Targets(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    for n in (0, 3):
        wants = torch.randn(n, D, requires_grad=True)
        loss = pool_loss(wants, torch.randn(P, D), torch.zeros(P), nothing, torch.zeros(P), kind, half=False)
        assert float(loss.detach()) == 0.0
        assert not torch.autograd.grad(loss, wants)[0].any()


@pytest.mark.parametrize("kind", ["softmax", "bce"])
def test_scores_out_of_all_bounds_stay_numbers(kind: Kind) -> None:
    p = asked(sampled=False)
    loss = pool_loss(p.wants * 1e4, p.vectors, p.bias, p.targets, p.log_inclusion, kind, half=False)
    assert bool(loss.isfinite())
    assert all(bool(gradient.isfinite().all()) for gradient in with_gradients(p, loss))
