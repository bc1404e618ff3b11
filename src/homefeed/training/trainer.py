"""The loop all models are trained by: batches, Adam, a step size that shrinks, and a validation that decides how many epochs pay."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Progress

Batch = TypeVar("Batch")

MIN_STEPS, MIN_BATCH = 100, 128
"""An epoch of a small shop still takes so many steps, as long as a batch keeps so many rows."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """``patience``: epochs without a better validation before the search ends. ``decay`` shrinks the step size each epoch, ``warm_up`` steps let it grow."""

    epochs: int
    patience: int
    decay: float
    warm_up: int


@dataclass(frozen=True, slots=True)
class Work(Generic[Batch]):
    """``epoch``: an epoch's batches in a new order; ``step``: from a batch and the fit's randomness to its loss; ``rows``: how many a batch holds."""

    title: str
    n_rows: int
    epoch: Callable[[torch.Generator], Sequence[Batch]]
    step: Callable[[Batch, torch.Generator], Tensor]
    rows: Callable[[Batch], int]


@dataclass(frozen=True, slots=True)
class Validate:
    """``score``: higher is better; a loss comes with its sign turned, and is shown without it."""

    name: str
    score: Callable[[], float]


def shuffled_rows(n_rows: int, batch_size: int) -> Callable[[torch.Generator], Sequence[Tensor]]:
    """Row numbers i64[B] in random order, ``batch_size`` at a time, fewer in a small shop."""
    size = min(batch_size, max(n_rows // MIN_STEPS, MIN_BATCH))
    return lambda generator: torch.split(torch.randperm(n_rows, generator=generator), size)


def run_epochs(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    work: Work[Batch],
    schedule: Schedule,
    seed: int,
    progress: Progress,
    validate: Validate | None = None,
) -> int:
    """Train in place and return how many epochs were best.

    ``validate`` is asked after each epoch, and the model ends as the best one left it; without it all epochs are run and counted.
    Raises ``ArtifactError`` when it holds numbers that are not finite: such a model must never be saved.
    """
    generator = torch.Generator().manual_seed(seed)
    full_size = [float(group["lr"]) for group in optimiser.param_groups]
    best_score, best_epoch, n_steps = -torch.inf, schedule.epochs, 0
    best_state: dict[str, Any] = {}
    with progress.task(work.title, work.n_rows * schedule.epochs, "rows") as advance:
        for epoch in range(1, schedule.epochs + 1):
            model.train()
            batches = work.epoch(generator)
            for k, batch in enumerate(batches):
                n_steps += 1
                pace = min(n_steps / max(schedule.warm_up, 1), 1.0) * schedule.decay ** (epoch - 1 + k / len(batches))
                for group, size in zip(optimiser.param_groups, full_size, strict=True):
                    group["lr"] = size * pace
                _step(work, batch, optimiser, generator)
                advance(work.rows(batch))
            if validate is None:
                continue
            score = validate.score()
            progress.say(f"{work.title}: epoch {epoch}, validation {validate.name} {abs(score):.4f}")
            if score > best_score:
                best_score, best_epoch, best_state = score, epoch, copy.deepcopy(model.state_dict())
            elif epoch - best_epoch >= schedule.patience:
                break
    if best_state:
        model.load_state_dict(best_state)
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise ArtifactError(
            f"{work.title}: training diverged", expected="finite weights", next_step="Try a smaller learning_rate; look for extreme numbers in the data"
        )
    return best_epoch


def _step(work: Work[Batch], batch: Batch, optimiser: torch.optim.Optimizer, generator: torch.Generator) -> None:
    optimiser.zero_grad(set_to_none=True)
    work.step(batch, generator).backward()  # type: ignore[no-untyped-call]
    optimiser.step()
