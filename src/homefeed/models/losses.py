"""Losses of B wants against a pool of items, computed in slices, so that no users x items matrix is ever held.

Each slice's gradient is taken while its scores are at hand: two products more instead of a second pass, and nothing to remember for it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["softmax", "bce"]
SLICE_SCORES = 6_000_000
"""Scores in work at once: 24 MB, which stays in a processor's cache."""
MAX_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Targets:
    """What was right: pool item ``column`` for want ``row`` (both i64[T], rows ascending) with ``weight`` f32[T], which says how much of the loss is its."""

    row: Tensor
    column: Tensor
    weight: Tensor


def pool_loss(wants: Tensor, vectors: Tensor, bias: Tensor, targets: Targets, log_inclusion: Tensor, kind: Kind, *, half: bool) -> Tensor:
    """Mean loss a target of ``wants`` f32[B, d] against the pool's ``vectors`` f32[P, d] and ``bias`` f32[P].

    ``log_inclusion`` f32[P]: log of the chance that an item is in the pool, 0 for all where the pool is the catalogue. A softmax is corrected by
    it (logQ; Yi et al., RecSys 2019). Binary cross-entropy, 1 for a target and 0 for every other item, weighs each negative by one over that
    chance: on average it is the loss against all negatives, which is what gSASRec's correction aims at (Petrov and Macdonald, RecSys 2023).
    ``half``: products in bfloat16, sums in float32.
    """
    loss: Tensor = _PoolLoss.apply(wants, vectors, bias, targets, log_inclusion, kind, half)  # type: ignore[no-untyped-call]
    return loss


@functools.cache
def half_is_fast() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; one that does not is several times slower with it."""
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and "avx512_bf16" in cpuinfo.read_text()


class _PoolLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, wants: Tensor, vectors: Tensor, bias: Tensor, targets: Targets, log_inclusion: Tensor, kind: Kind, half: bool) -> Tensor:
        total, d_wants, d_vectors, d_bias = 0.0, torch.empty_like(wants), torch.zeros_like(vectors), torch.zeros_like(bias)
        dtype = torch.bfloat16 if half else torch.float32
        small_vectors = vectors.to(dtype)
        row_weight = torch.zeros(len(wants)).index_add_(0, targets.row, targets.weight)
        size = max(min(MAX_ROWS, SLICE_SCORES // len(vectors)), 1)
        bounds = torch.searchsorted(targets.row, torch.arange(0, len(wants) + size, size)).tolist()
        for k, start in enumerate(range(0, len(wants), size)):
            part, mine = slice(start, min(start + size, len(wants))), slice(bounds[k], bounds[k + 1])
            small_wants = wants[part].to(dtype)
            scores = (small_wants @ small_vectors.T).float()
            of_slice = Targets(targets.row[mine] - start, targets.column[mine], targets.weight[mine])
            loss, gradient = (_softmax if kind == "softmax" else _bce)(scores, bias, of_slice, row_weight[part], log_inclusion)
            total += float(loss)
            small_gradient = gradient.to(dtype)
            d_wants[part] = (small_gradient @ small_vectors).float()
            d_vectors += (small_gradient.T @ small_wants).float()
            d_bias += gradient.sum(0)
        n = max(float(row_weight.sum()), 1.0)
        ctx.save_for_backward(d_wants / n, d_vectors / n, d_bias / n)
        return torch.tensor(total / n)

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        d_wants, d_vectors, d_bias = ctx.saved_tensors
        return d_wants * above[0], d_vectors * above[0], d_bias * above[0], None, None, None, None


def _softmax(scores: Tensor, bias: Tensor, targets: Targets, row_weight: Tensor, log_inclusion: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the losses and their gradient by score, in the place of ``scores``."""
    scores += bias - log_inclusion
    right = scores[targets.row, targets.column]
    highest = scores.max(1, keepdim=True).values
    scores.sub_(highest).exp_()
    total = scores.sum(1, keepdim=True)
    loss = ((highest + total.log()).squeeze(1) * row_weight).sum() - (right * targets.weight).sum()
    scores.mul_(row_weight.unsqueeze(1) / total)
    return loss, scores.index_put_((targets.row, targets.column), -targets.weight, accumulate=True)


def _bce(scores: Tensor, bias: Tensor, targets: Targets, row_weight: Tensor, log_inclusion: Tensor) -> tuple[Tensor, Tensor]:
    """The same. The negatives' share of the loss is left out of the sum that is shown (a logarithm of every score), not of the gradient."""
    scores += bias
    right = scores[targets.row, targets.column]
    loss = (F.softplus(-right) * targets.weight).sum()
    scores.sigmoid_()
    of_right = scores[targets.row, targets.column]
    scores.mul_(row_weight.unsqueeze(1)).mul_((-log_inclusion).exp())
    scores[targets.row, targets.column] = 0.0
    return loss, scores.index_put_((targets.row, targets.column), targets.weight * (of_right - 1), accumulate=True)
