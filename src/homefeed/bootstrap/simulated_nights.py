"""The policy `ours`: each night the real path from raw files to a release, each day the real serving pipeline, without a store in between."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from homefeed.artifacts.processed import read_dataset
from homefeed.bootstrap import jobs
from homefeed.config import Config
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Progress, Silent
from homefeed.core.slate import Request
from homefeed.evaluation.served import ListsInMemory
from homefeed.serving.pipeline import RecommendPipeline, standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease
from homefeed.simulation.shop.day_log import DayLog
from homefeed.simulation.shop.raw_files import write_raw_files
from homefeed.simulation.shop.settings import SimulationSettings
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop.visits import Visits
from homefeed.simulation.world import Ints


class OursPolicy:
    """``config``: of the pipeline; everything lies under its ``paths``, and what lies there from before is written over."""

    def __init__(self, shop: Shop, settings: SimulationSettings, config: Config) -> None:
        self._shop, self._settings, self._config = shop, settings, config
        self._row_of = {iid: row for row, iid in enumerate(shop.item_ids.tolist())}
        self._trained_on: int | None = None
        self._pipeline: RecommendPipeline | None = None

    def learn(self, day: int, past: Sequence[DayLog], progress: Progress) -> None:
        """Raises ``HomefeedError`` as the commands do."""
        if self._trained_on is not None and day - self._trained_on < self._settings.loop.retrain_every:
            return
        started = time.perf_counter()
        columns = tuple(column for column in self._settings.logging.columns if column != "propensity")  # ours has none of its own
        write_raw_files(self._config.paths.raw, self._shop, past[-self._settings.loop.learn_days :], columns, day)
        jobs.etl(self._config, Silent(), new_map=self._trained_on is None)
        jobs.train_recall_model(self._config, Silent(), objective="pointwise", refit=True)
        jobs.train_rank_model(self._config, Silent(), refit=True)
        draft = jobs.draft(read_dataset(self._config.paths.processed), self._config, Silent(), f"day-{day}")
        self._pipeline = standard_pipeline(ListsInMemory(draft.bundle.release, draft.user_lists()), OneRelease(ReleaseInMemory.of(draft.bundle)))
        self._trained_on = day
        progress.say(f"ours: trained before day {day} in {time.perf_counter() - started:.1f} s")

    def show(self, visits: Visits) -> Ints:
        users, who = np.unique(visits.user, return_inverse=True)
        launched = np.flatnonzero(self._shop.launched(visits.day))
        return np.array([self._slate(uid, launched) for uid in self._shop.user_ids[users].tolist()], np.int64)[who]

    def _slate(self, uid: str, launched: Ints) -> list[int]:
        """Rows of the shop's items; a slate that is short, as in a tiny shop, is filled up from the catalogue."""
        if self._pipeline is None:
            raise RuntimeError("a day before the first night")
        size = self._shop.settings.list_size
        slate = self._pipeline.recommend(Request(request_id="", uid=uid, top_k=size))
        if slate.degraded:
            raise ArtifactError(f"The slate of {uid} was served without {', '.join(slate.degraded)}")
        rows = [self._row_of[item.item_id] for item in slate.items]
        return rows if len(rows) == size else list(dict.fromkeys([*rows, *launched.tolist()]))[:size]
