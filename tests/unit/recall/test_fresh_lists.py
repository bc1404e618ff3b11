"""Fresh items in lists: who is one, who gets which, and what a list keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from processed_shop import processed_shop

from homefeed.artifacts.bundle import SeenItems
from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import ExportConfig, RankConfig, RecallConfig, TrainConfig
from homefeed.core.candidates import FRESH, HOT, TASTE
from homefeed.core.progress import Silent
from homefeed.models.channels.blend import DSSM_ALONE
from homefeed.models.channels.scores import Channels
from homefeed.recall.fresh import IMPRESSIONS, MAX_ITEMS, draw_into, fresh_items, fresh_of
from homefeed.recall.lists import MergedLists, clicked_items, hot_items, merged_lists
from homefeed.recall.merge import own_columns, placed
from homefeed.recall.moment import known_rows
from homefeed.recall.release import draft_release
from homefeed.training.rank_deepfm import train_rank
from homefeed.training.recall_dssm import train_recall

N_USERS, N_ITEMS, DAY_US = 40, 400, 86_400_000_000
UIDS = [f"user {number}" for number in range(N_USERS)]
FRESH_ROWS = np.arange(5, 65, dtype=np.int32)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def log(*shown: tuple[int, float, int], clicks: float = 0.1) -> Interactions:
    """(item row, day of its first impression, impressions), one user each; the log begins on day 0 and ends on day 100."""
    item = np.concatenate([[1, 1], *(np.full(times, row) for row, _, times in shown)]).astype(np.int32)
    day = np.concatenate([[0, 100], *(np.linspace(first, 100, times) for _, first, times in shown)])
    label = (np.arange(len(item)) < clicks * len(item)).astype(np.float32)
    one = np.ones(len(item), np.float32)
    return Interactions((day * DAY_US).astype(np.int64), np.arange(len(item), dtype=np.int32), item, label, one, one, np.zeros(len(item), np.bool_))


def test_fresh_is_what_was_launched_lately_and_hardly_shown_and_on_sale() -> None:
    rows = log((1, 0, 500), (2, 80, IMPRESSIONS - 1), (3, 80, IMPRESSIONS), (4, 75, 1), (5, 74, 1), (6, 90, 3))
    available = np.array([True, True, True, True, True, True, False, True, False])
    assert fresh_items(rows, available, "r1", unshown_too=False).tolist() == [2, 4]
    assert fresh_items(rows, available, "r1", unshown_too=True).tolist() == [2, 4, 7]


def test_a_log_of_clicks_or_opinions_tells_nothing_of_what_has_had_its_chance() -> None:
    for clicks in (0.5, 1.0):
        assert len(fresh_items(log((1, 0, 500), (2, 80, 3), clicks=clicks), np.ones(9, np.bool_), "r1", unshown_too=True)) == 0
    assert len(fresh_items(log().take(np.zeros(0, np.int64)), np.ones(9, np.bool_), "r1", unshown_too=True)) == 0


def test_too_many_fresh_items_take_turns_release_by_release() -> None:
    rows, available = log((1, 0, 500)), np.ones(4 * MAX_ITEMS, np.bool_)
    one, again, other = (fresh_items(rows, available, release, unshown_too=True) for release in ("r1", "r1", "r2"))
    assert len(one) == len(set(one.tolist())) == MAX_ITEMS
    assert one.tolist() == sorted(one.tolist()) == again.tolist()
    assert len(np.intersect1d(one, other)) == pytest.approx(MAX_ITEMS / 4, abs=75)


def lists(seen: SeenItems, available: np.ndarray, config: ExportConfig) -> tuple[MergedLists, Channels]:
    generator = torch.Generator().manual_seed(1)
    channels = Channels(torch.randn(N_USERS, 8, generator=generator), torch.randn(N_ITEMS + 1, 8, generator=generator), {}, {}, {})
    hot = hot_items(np.random.default_rng(2).gamma(1, 1, N_ITEMS + 1).astype(np.float32), available, config.hot_size)
    return merged_lists(channels, DSSM_ALONE, hot, available, seen, config, Silent()), channels


@pytest.mark.parametrize(("size", "quota"), [(100, 5), (100, 3), (128, 20), (20, 5), (10, 3)])
def test_every_list_gets_its_quota_and_keeps_size_hot_items_and_what_may_be_shown(size: int, quota: int) -> None:
    config, available = ExportConfig(list_size=size, fresh_per_list=quota), np.arange(N_ITEMS + 1) % 7 != 3
    items = [np.random.default_rng(user).choice(FRESH_ROWS, 10, replace=False) for user in range(N_USERS)]
    seen = SeenItems(np.arange(N_USERS + 1) * 10, np.concatenate(items).astype(np.int32))
    before, channels = lists(seen, available, config)
    fresh = FRESH_ROWS[available[FRESH_ROWS]]
    after = draw_into(before, channels, seen, fresh, UIDS, "r1", config)
    for user in range(N_USERS):
        new = after.items[user][after.sources[user] == FRESH]
        assert len(new) == quota
        assert set(new.tolist()) <= set(fresh.tolist()) - set(before.items[user].tolist()) - set(seen.of(user).tolist())
        assert len(set(after.items[user].tolist())) == size
        assert (after.sources[user, : size // 2] != FRESH).all()
        kept = after.sources[user] != FRESH
        assert (after.items[user] == before.items[user])[kept].all()
        assert np.flatnonzero(after.sources[user] == HOT).tolist() == np.flatnonzero(before.sources[user] == HOT).tolist() != []


def test_a_users_draw_depends_on_the_release_and_the_user_and_on_nobody_else() -> None:
    config, available, seen = ExportConfig(), np.ones(N_ITEMS + 1, np.bool_), SeenItems(np.zeros(N_USERS + 1, np.int64), np.zeros(0, np.int32))
    merged, channels = lists(seen, available, config)
    one, again, other = (draw_into(merged, channels, seen, FRESH_ROWS, UIDS, release, config).items for release in ("r1", "r1", "r2"))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any(1).all()
    few = [7, 3, 30]
    part = replace(channels, users=channels.users[few])
    alone = draw_into(MergedLists(merged.items[few], merged.sources[few]), part, seen, FRESH_ROWS, [UIDS[user] for user in few], "r1", config)
    np.testing.assert_array_equal(alone.items, one[few])


def test_what_a_user_likes_by_the_recall_model_is_drawn_more_often() -> None:
    config, available, seen = ExportConfig(), np.ones(N_ITEMS + 1, np.bool_), SeenItems(np.zeros(N_USERS + 1, np.int64), np.zeros(0, np.int32))
    merged, channels = lists(seen, available, config)
    scores = (channels.users @ channels.items.T).numpy()
    found = draw_into(merged, channels, seen, FRESH_ROWS, UIDS, "r1", config)
    drawn = [scores[user, found.items[user][found.sources[user] == FRESH]].mean() for user in range(N_USERS)]
    left = [scores[user, np.setdiff1d(FRESH_ROWS, merged.items[user])].mean() for user in range(N_USERS)]
    assert np.mean(np.array(drawn) > np.array(left)) > 0.9


def test_without_a_quota_or_fresh_items_lists_are_as_before() -> None:
    available, seen = np.ones(N_ITEMS + 1, np.bool_), SeenItems(np.zeros(N_USERS + 1, np.int64), np.zeros(0, np.int32))
    merged, channels = lists(seen, available, ExportConfig())
    assert draw_into(merged, channels, seen, FRESH_ROWS[:0], UIDS, "r1", ExportConfig()) is merged
    assert draw_into(merged, channels, seen, FRESH_ROWS, UIDS, "r1", ExportConfig(fresh_per_list=0)) is merged


def test_a_list_that_holds_all_there_is_has_no_place_to_give() -> None:
    config, available, seen = ExportConfig(), np.arange(N_ITEMS + 1) <= 70, SeenItems(np.zeros(N_USERS + 1, np.int64), np.zeros(0, np.int32))
    merged, channels = lists(seen, available, config)
    found = draw_into(merged, channels, seen, FRESH_ROWS, UIDS, "r1", config)
    np.testing.assert_array_equal(found.items, merged.items)
    np.testing.assert_array_equal(found.sources, merged.sources)


@pytest.mark.parametrize(
    ("own_per_hot", "hot_from", "size", "expected"),
    [(4, 50, 20, [10, 11, 12, 13, 14, 15, 16, 17, 18]), (4, 0, 10, [5, 6, 7, 8]), (1, 2, 8, [4, 6]), (4, 50, 1, [])],
)
def test_places_of_hot_items_are_not_given_away(own_per_hot: int, hot_from: int, size: int, expected: list[int]) -> None:
    assert own_columns(own_per_hot, hot_from, size).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=8, max_size=8), st.lists(st.sampled_from([0, 90, 91, 92]), min_size=3, max_size=3))
def test_the_merge_changes_nothing_but_the_places_it_is_given(listed: list[int], new: list[int]) -> None:
    items, sources, columns = np.array([listed], np.int32), np.full((1, 8), HOT, np.uint8), np.array([4, 6, 7])
    found, codes = placed(items, sources, np.array([new], np.int32), FRESH, columns)
    expected = list(listed)
    for column, item in zip(columns.tolist(), new, strict=True):
        expected[column] = item if item and listed[column] else listed[column]
    assert found[0].tolist() == expected
    assert (codes[0] == FRESH).tolist() == [item >= 90 for item in expected]
    assert items[0].tolist() == listed, "what came in is left alone"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[ProcessedDataset, Checkpoint, Checkpoint]:
    """With models of the train side. Item 5 has hardly been shown by the split, item 6 never; item 7 launches on the test side."""
    dataset = processed_shop(tmp_path_factory.mktemp("shop"), items=60)
    recall = train_recall(dataset, "pointwise", RecallConfig(output_dim=8, max_epochs=1), TrainConfig(), refit=False, progress=Silent()).served
    rank = train_rank(dataset, RankConfig(max_epochs=1), TrainConfig(), refit=False, progress=Silent()).served
    train, test = dataset.train, dataset.test
    late = train.ts_us >= train.ts_us.max() - 0.2 * np.ptp(train.ts_us)
    train = train.take(~np.isin(train.item, [5, 6, 7]) | (late & (train.item == 5)))
    return replace(dataset, train=train, test=test.take(~np.isin(test.item, [5, 6]))), recall, rank


def test_a_release_of_the_train_side_knows_no_launch_of_the_test_side(fitted: tuple[ProcessedDataset, Checkpoint, Checkpoint]) -> None:
    dataset, recall, _ = fitted
    assert 7 in dataset.test.item
    by_split = fresh_of(dataset, recall, ExportConfig(), "r1").tolist()
    assert by_split == [5]
    without_test = replace(dataset, test=dataset.test.take(np.zeros(0, np.int64)))
    assert fresh_of(without_test, recall, ExportConfig(), "r1").tolist() == by_split
    by_end = fresh_of(dataset, replace(recall, rows_seen="all"), ExportConfig(), "r1").tolist()
    assert {6, 7} <= set(by_end)
    assert fresh_of(dataset, replace(recall, rows_seen="all"), ExportConfig(fresh_per_list=0), "r1").tolist() == []


def test_a_release_holds_its_draws_and_what_it_takes_to_draw_for_others(fitted: tuple[ProcessedDataset, Checkpoint, Checkpoint], tmp_path: Path) -> None:
    dataset, recall, rank = fitted
    config = ExportConfig(list_size=20, fresh_per_list=1)
    one, again, without = (
        draft_release(dataset, recall, rank, {}, use, NOW, Silent(), "r1") for use in (config, config, ExportConfig(list_size=20, fresh_per_list=0))
    )
    assert list(one.user_lists()) == list(again.user_lists())
    assert (one.bundle.release.id, one.bundle.fresh.tolist(), one.bundle.fresh_per_list, one.bundle.release.counts["fresh"]) == ("r1", [5], 1, 1)
    assert (without.bundle.fresh.tolist(), without.bundle.fresh_per_list) == ([], 0)
    seen = clicked_items(known_rows(dataset, recall), len(dataset.users), exclude=dataset.meta.seen.policy == "exclude")
    for before, after in zip(without.user_lists(), one.user_lists(), strict=True):
        others = [item for item, source in zip(after.item_ids, after.sources.decode(), strict=True) if source != str(FRESH)]
        held = dataset.items.ids[5] in others or 5 in seen.of(dataset.users.slots[:, 0].tolist().index(before.user_slot))
        assert after.sources.count(str(FRESH).encode()) == (0 if held else 1)
        assert len(after.item_ids) == len(before.item_ids)
    anew, other = (draft_release(dataset, recall, rank, {}, config, NOW, Silent()).bundle.release.id for _ in range(2))
    assert anew != other


def test_a_release_of_the_train_side_has_the_rankers_own_candidates_and_is_the_same_without_the_test_side(
    fitted: tuple[ProcessedDataset, Checkpoint, Checkpoint],
) -> None:
    dataset, recall, rank = fitted
    blind = replace(dataset, test=dataset.test.take(np.zeros(0, np.int64)), facts=replace(dataset.facts, hotness_end=dataset.facts.hotness_end[::-1].copy()))
    config = ExportConfig(list_size=20)
    lists, without_test = (list(draft_release(known, recall, rank, {}, config, NOW, Silent(), "r1").user_lists()) for known in (dataset, blind))
    assert {listed.sources.count(str(TASTE).encode()) for listed in lists} == {4}, "a fifth of 20"
    assert lists == without_test
