"""How many epochs: validated after each, ended by patience or by time."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from homefeed.evaluation.baselines.job import Stopwatch

PATIENCE = 5
_USABLE = 0.85
"""Share of the budget that the epochs may take; the rest is for lists."""
_LARGER = 1.15
"""The whole train side against what is learned before the validation slice."""


class EpochWatch:
    """``value``: of a model after an epoch, higher is better."""

    def __init__(self, value: Callable[[Any], float], budget_seconds: float) -> None:
        self._value, self._budget, self._watch = value, budget_seconds, Stopwatch()
        self.best_epoch, self.best, self.epochs = 1, 0.0, 0
        self.best_weights: Any = None
        self.why_ended = ""

    def after_epoch(self, model: Any) -> bool:
        """Whether to go on."""
        self.epochs += 1
        value = self._value(model)
        if value > self.best:
            self.best_epoch, self.best = self.epochs, value
        if self.epochs - self.best_epoch >= PATIENCE:
            return False
        if self._spent_after(1) > _USABLE * self._budget:
            self.why_ended = ", ended by the time left"
            return False
        return True

    def may_fit_again(self) -> bool:
        """Whether there is time for the best number of epochs on all of the train side."""
        return self._spent_after(_LARGER * self.best_epoch) <= _USABLE * self._budget

    def callback(self, model: Any) -> Any:
        """For Lightning's trainer."""
        from pytorch_lightning import Callback

        watch = self

        class Watching(Callback):  # type: ignore[misc, unused-ignore]
            def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
                model.is_fitted = True  # it refuses to recommend before
                trainer.should_stop = not watch.after_epoch(model)
                if watch.best_epoch == watch.epochs:
                    watch.best_weights = deepcopy(model.torch_model.state_dict())
                module.train()

            def __deepcopy__(self, memo: Any) -> Any:  # the library fits with a copy of its trainer
                return self

        return Watching()

    def _spent_after(self, more: float) -> float:
        """Seconds, after so many more epochs."""
        spent = self._watch.seconds()
        return spent * (1 + more / max(self.epochs, 1))
