"""Slates of a running API, judged by the truth of a simulated shop: how likely each item was to be clicked on the day after the log."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from benchmarks.quality_record import ShopFigures
from homefeed.evaluation.report import Figure
from homefeed.metrics.intervals import bootstrap, ratio_of_sums

GROUPS = ("active", "silent")
"""Users active in the log; users known by their tags alone."""
Slates = Sequence[Sequence[str]]
_CLIENTS, _TIMEOUT_SECONDS = 4, 20.0


@dataclass(frozen=True, slots=True)
class Truth:
    """M users, N items: ids as str[M] and str[N]; ``p_click``: float64[M, N], 0 for an item that has not launched; ``best_static``: the best single list."""

    uid: npt.NDArray[Any]
    group: npt.NDArray[Any]
    iid: npt.NDArray[Any]
    p_click: npt.NDArray[np.float64]
    best_static: npt.NDArray[Any]

    def of(self, group: str) -> Truth:
        mine = self.group == group
        return Truth(self.uid[mine], self.group[mine], self.iid, self.p_click[mine], self.best_static)


def read_truth(path: Path) -> Truth:
    with np.load(path) as arrays:
        return Truth(arrays["uid"], arrays["group"], arrays["iid"], arrays["p_click"].astype(np.float64), arrays["best_static"])


def judge_api(base_url: str, truth: Truth, k: int = 10) -> tuple[ShopFigures, ...]:
    """Ask ``/recommend`` for every judged user's slate of ``k``. Raises ``OSError`` when it does not answer."""
    groups = [group for group in GROUPS if (truth.group == group).any()]
    return tuple(judged(group, truth.of(group), _asked(base_url, truth.of(group).uid, k), k) for group in groups)


def judged(group: str, truth: Truth, slates: Slates, k: int) -> ShopFigures:
    """A missing, foreign or repeated item earns nothing; a random slate is one of launched items. Intervals: 95 %, bootstrap over users."""
    column = {iid: n for n, iid in enumerate(truth.iid.tolist())}
    p, launched = truth.p_click, truth.p_click.max(0) > 0
    ours = np.array([p[n, [column[i] for i in dict.fromkeys(slate[:k]) if i in column]].sum() / k for n, slate in enumerate(slates)])
    single = p[:, [column[i] for i in truth.best_static.tolist()[:k]]].sum(1) / k
    best, random = np.sort(p, 1)[:, -k:].mean(1), p[:, launched].mean(1)
    gains, gap = np.column_stack([ours - random, single - random, ours - single]), (best - random)[:, None].repeat(3, 1)
    closed, single_closed, ahead = bootstrap(ratio_of_sums(gains, gap), len(slates), np.random.default_rng(0))
    return ShopFigures(
        group=group,
        users=len(slates),
        k=k,
        random=float(random.mean()),
        ours=float(ours.mean()),
        best=float(best.mean()),
        closed=Figure.of(closed),
        single_closed=single_closed.mean,
        ahead_of_single=Figure.of(ahead),
        short=sum(len(slate) < k for slate in slates),
        repeated=sum(len(set(slate)) < len(slate) for slate in slates),
        foreign=sum(item not in column for slate in slates for item in slate),
        distinct=len({item for slate in slates for item in slate}),
    )


def _asked(base_url: str, uids: npt.NDArray[Any], k: int) -> Slates:
    def ask(uid: str) -> list[str]:
        with urllib.request.urlopen(f"{base_url}/recommend/{quote(uid, safe='')}?top_k={k}", timeout=_TIMEOUT_SECONDS) as answer:
            return [str(item["id"]) for item in json.load(answer)["items"]]

    with ThreadPoolExecutor(_CLIENTS) as pool:
        return list(pool.map(ask, uids.tolist()))
