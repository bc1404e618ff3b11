"""Log rows as the ranker reads them, and what both of its parts say of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit

from homefeed.artifacts.processed import Interactions
from homefeed.models.deepfm import DeepFM
from homefeed.models.factors import Factors
from homefeed.models.inputs import Inputs
from homefeed.models.mix import Mix

SCORING_BATCH = 65_536

Floats = npt.NDArray[np.float32]


class RankRows:
    """Log rows as tensors; hotness as ``(log1p(global_score) - mean) / std``."""

    def __init__(self, rows: Interactions, mean: float, std: float) -> None:
        self.mean, self.std = mean, std
        self.user = torch.from_numpy(rows.user.astype(np.int64))
        self.item = torch.from_numpy(rows.item.astype(np.int64))
        self.label = torch.from_numpy(rows.label)
        self.weight = torch.from_numpy(rows.weight)
        self.hotness = torch.from_numpy(((np.log1p(rows.hotness) - mean) / std).astype(np.float32))

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of(cls, rows: Interactions) -> RankRows:
        """With the mean and the spread of their own hotness."""
        log_hotness = np.log1p(rows.hotness)
        return cls(rows, float(log_hotness.mean()), float(log_hotness.std()) or 1.0)


@dataclass(frozen=True, slots=True)
class Ranker:
    """Both parts, fitted on the same rows."""

    deep: DeepFM
    factors: Factors
    inputs: Inputs

    def p_click(self, rows: RankRows, mix: Mix) -> Floats:
        """float32[N]: pCTR."""
        p: Floats = expit(self.click_logits(rows, mix).astype(np.float64)).astype(np.float32)
        return p

    def click_logits(self, rows: RankRows, mix: Mix) -> Floats:
        """float32[N]: logit(pCTR)."""
        logits: Floats = (mix.intercept + mix.deep * self.deep_logits(rows) + mix.factors * self.factor_logits(rows)).astype(np.float32)
        return logits

    def deep_logits(self, rows: RankRows) -> Floats:
        """float32[N]: DeepFM's."""
        self.deep.eval()
        parts, inputs = [], self.inputs
        with torch.inference_mode():
            for index in torch.split(torch.arange(len(rows)), SCORING_BATCH):
                parts.append(self.deep(inputs.users.rows(rows.user[index]), inputs.items.rows(rows.item[index]), rows.hotness[index]))
        logits: Floats = torch.cat(parts).numpy()
        return logits

    def factor_logits(self, rows: RankRows) -> Floats:
        """float32[N]: the factor model's."""
        users, items = self.factors.of_users(self.inputs.users.encoded()), self.factors.of_items(self.inputs.items.encoded())
        return self.factors.logits(users[rows.user.numpy()], items[rows.item.numpy()], rows.hotness.numpy())
