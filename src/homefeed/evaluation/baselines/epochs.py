"""How many epochs: validated after each, ended by patience or by the time that is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from homefeed.evaluation.baselines.job import Stopwatch

PATIENCE = 5
_USABLE = 0.9
"""Share of the budget that validation and the fit on all of the train side may take together."""
_LARGER = 1.15
"""The whole train side against what is learned before the validation slice."""


class EpochWatch:
    """``value``: of a model after an epoch, higher is better."""

    def __init__(self, value: Callable[[Any], float], budget_seconds: float) -> None:
        self._value, self._budget, self._watch = value, budget_seconds, Stopwatch()
        self.best_epoch, self.best, self.epochs = 1, 0.0, 0
        self.why_ended = ""

    def after_epoch(self, model: Any) -> bool:
        """Whether to go on."""
        self.epochs += 1
        value = self._value(model)
        if value > self.best:
            self.best_epoch, self.best = self.epochs, value
        if self.epochs - self.best_epoch >= PATIENCE:
            return False
        if self._seconds_with_another() > _USABLE * self._budget:
            self.why_ended = ", ended by the time left"
            return False
        return True

    def callback(self, model: Any) -> Any:
        """For Lightning's trainer."""
        from pytorch_lightning import Callback

        watch = self

        class Watching(Callback):  # type: ignore[misc, unused-ignore]
            def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
                model.is_fitted = True  # it refuses to recommend before
                trainer.should_stop = not watch.after_epoch(model)
                module.train()

            def __deepcopy__(self, memo: Any) -> Any:  # the library fits with a copy of its trainer
                return self

        return Watching()

    def _seconds_with_another(self) -> float:
        """Until the fit on all of the train side has ended, if another epoch came and were the best."""
        spent = self._watch.seconds()
        return spent + spent / self.epochs * (1 + _LARGER * (self.epochs + 1))
