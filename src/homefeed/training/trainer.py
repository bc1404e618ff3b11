"""The loop all models are trained by: shuffled slices of tensors, Adam, and a validation that decides how many epochs pay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Progress

Step = Callable[[Tensor, torch.Generator], Tensor]
"""From the batch's row numbers i64[B] and the fit's randomness to its loss."""

MIN_STEPS, MIN_BATCH = 100, 128
"""An epoch of a small shop still takes so many steps, as long as a batch keeps so many rows."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """``batch_size``: rows a step, at most. ``patience``: epochs without a better validation before the search ends. ``decay`` shrinks the step size
    each epoch."""

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    decay: float = 0.9


@dataclass(frozen=True, slots=True)
class Validate:
    """``score``: higher is better; a loss comes with its sign turned, and is shown without it."""

    name: str
    score: Callable[[], float]


def run_epochs(
    model: nn.Module, step: Step, n_rows: int, schedule: Schedule, seed: int, title: str, progress: Progress, validate: Validate | None = None
) -> int:
    """Train in place and return how many epochs were best.

    ``validate`` is asked after each epoch; without it all epochs are run and counted. The model ends as the last epoch left it.
    Raises ``ArtifactError`` when it holds numbers that are not finite: such a model must never be saved.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True)
    best_score, best_epoch = -torch.inf, schedule.epochs
    with progress.task(title, n_rows * schedule.epochs, "rows") as advance:
        for epoch in range(1, schedule.epochs + 1):
            _one_epoch(model, step, n_rows, schedule, optimiser, generator, advance)
            for group in optimiser.param_groups:
                group["lr"] *= schedule.decay
            if validate is None:
                continue
            score = validate.score()
            progress.say(f"{title}: epoch {epoch}, validation {validate.name} {abs(score):.4f}")
            if score > best_score:
                best_score, best_epoch = score, epoch
            elif epoch - best_epoch >= schedule.patience:
                break
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise ArtifactError(
            f"{title}: training diverged", expected="finite weights", next_step="Try a smaller learning_rate; look for extreme numbers in the data"
        )
    return best_epoch


def _one_epoch(
    model: nn.Module, step: Step, n_rows: int, schedule: Schedule, optimiser: torch.optim.Optimizer, generator: torch.Generator, advance: Callable[[int], None]
) -> None:
    model.train()
    batch_size = min(schedule.batch_size, max(n_rows // MIN_STEPS, MIN_BATCH))
    for index in torch.split(torch.randperm(n_rows, generator=generator), batch_size):
        optimiser.zero_grad(set_to_none=True)
        step(index, generator).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        advance(len(index))
