"""The shop with a known answer holds that answer in its files."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from homefeed.simulation.planted import planted_taste_shop


def test_liked_items_are_clicked_half_the_time_and_others_hardly_ever(tmp_path: Path) -> None:
    truth = planted_taste_shop(tmp_path)
    clicks: dict[bool, list[int]] = defaultdict(list)
    for _, uid, iid, label in _read(tmp_path / "shop.dat"):
        clicks[iid in truth.likes[uid]].append(int(label))
    assert len(clicks[True]) + len(clicks[False]) == truth.rows == 15_000
    assert sum(clicks[True]) / len(clicks[True]) == pytest.approx(0.5, abs=0.03)
    assert sum(clicks[False]) / len(clicks[False]) == pytest.approx(0.02, abs=0.01)


def test_cold_users_have_tags_and_no_rows_and_their_tag_tells_their_taste(tmp_path: Path) -> None:
    truth = planted_taste_shop(tmp_path)
    log, users, items = (_read(tmp_path / name) for name in ("shop.dat", "user_feature.dat", "item_feature.dat"))
    assert {row[1] for row in log} == set(truth.active)
    assert {row[0] for row in users} == {*truth.active, *truth.cold}
    assert {row[0] for row in items} == set(truth.items)
    taste_of_tag = defaultdict(set)
    for uid, tag, _ in users:
        taste_of_tag[tag].add(truth.likes[uid])
    assert [len(tastes) for tastes in taste_of_tag.values()] == [1, 1, 1]
    kinds = {frozenset(iid for iid, tag, *_ in items if tag == wanted) for wanted in {row[1] for row in items}}
    assert kinds == set(truth.likes.values())


def test_the_log_is_in_order_and_both_sides_of_a_split_know_every_active_user(tmp_path: Path) -> None:
    truth = planted_taste_shop(tmp_path)
    log = _read(tmp_path / "shop.dat")
    times = [int(row[0]) for row in log]
    assert times == sorted(times)
    cut = int(len(log) * 0.8)
    assert {row[1] for row in log[:cut]} == {row[1] for row in log[cut:]} == set(truth.active)


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "same", "other")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        planted_taste_shop(folder, seed)
    one, same, other = ([path.read_bytes() for path in sorted(folder.iterdir())] for folder in folders)
    assert one == same
    assert one != other


def test_share_liked_counts_what_its_user_likes(tmp_path: Path) -> None:
    truth = planted_taste_shop(tmp_path)
    liked = sorted(truth.likes[truth.cold[0]])
    disliked = next(iid for iid in truth.items if iid not in liked)
    assert truth.share_liked(truth.cold[0], [*liked[:3], disliked]) == 0.75


def _read(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
