"""`homefeed simulate`: the files of a shop and their truth, and closed loops, the real pipeline's among them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from homefeed.bootstrap.simulate import simulate_files, simulate_loop
from homefeed.bootstrap.simulation_settings import simulation_settings
from homefeed.config import Config
from homefeed.core.errors import ConfigError
from homefeed.core.progress import Silent

SMALL = ["shop.users=300", "shop.items=80", "shop.lists=4000", "shop.user_tag_values=[3, 2]", "shop.item_tag_values=[4, 8, 3]", "shop.click_rate=0.1"]


def files_of(folder: Path, preset: str = "base", seed: int = 3, *knobs: str) -> dict[str, bytes]:
    simulate_files(simulation_settings(preset, None, [*SMALL, *knobs]), preset, seed, folder, Silent())
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(content: bytes) -> list[list[str]]:
    return [line.split(",") for line in content.decode().splitlines()]


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    one, same, other = files_of(tmp_path / "one"), files_of(tmp_path / "same"), files_of(tmp_path / "other", "base", 4)
    assert set(one) == {"shop.dat", "user_feature.dat", "item_feature.dat", "order.dat", "truth.npz", "simulation.json"}
    assert one == same
    assert all(one[name] != other[name] for name in one)


def test_the_files_are_the_contracts(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    log, users, items, orders = (rows_of(files[name]) for name in ("shop.dat", "user_feature.dat", "item_feature.dat", "order.dat"))
    assert (len(log), {len(row) for row in log}) == (40_000, {4})
    assert ([len(users), len(items)], {len(row) for row in users}, {len(row) for row in items}) == ([300, 80], {3}, {4})
    assert [int(row[0]) for row in log] == sorted(int(row[0]) for row in log)
    assert {row[3] for row in log} == {"0", "1"}
    assert len({tuple(row[:3]) for row in log}) == len(log)
    clicked = {(uid, iid): int(ts) for ts, uid, iid, label in reversed(log) if label == "1"}
    assert len(orders) > 50
    for ts, uid, iid, value in orders:
        assert clicked[uid, iid] < int(ts) < 1_759_708_800 + 10 * 86_400
        assert float(value) > 0
    assert [int(row[0]) for row in orders] == sorted(int(row[0]) for row in orders)


def test_with_extra_columns_the_log_has_a_header_row_and_says_where_and_how_likely_an_item_stood(tmp_path: Path) -> None:
    head, *log = rows_of(files_of(tmp_path, "position-bias")["shop.dat"])
    assert head == ["ts", "uid", "iid", "label", "position", "propensity"]
    assert [int(row[4]) for row in log[:20]] == [*range(1, 11), *range(1, 11)]
    assert all(0 < float(row[5]) < 1 for row in log)


def test_what_is_not_launched_is_not_in_the_log_and_all_is_on_file_on_the_day_after(tmp_path: Path) -> None:
    files = files_of(tmp_path, "base", 3, "shop.launching_share=0.5")
    first_ts = {iid: int(ts) for ts, _, iid, _ in reversed(rows_of(files["shop.dat"]))}
    first_day = [(ts - 1_759_708_800) // 86_400 for ts in first_ts.values()]
    assert sum(day == 0 for day in first_day) == 40
    assert len(first_ts) <= len(rows_of(files["item_feature.dat"])) == 80


def test_the_truth_can_be_read_by_a_judge_and_puts_the_best_single_list_between_random_and_best(tmp_path: Path) -> None:
    files_of(tmp_path)
    truth = np.load(tmp_path / "truth.npz")
    assert truth["p_click"].dtype == np.float32
    assert set(truth["group"].tolist()) == {"active", "silent"}
    silent = set(truth["uid"][truth["group"] == "silent"].tolist())
    assert not silent & {row[1] for row in rows_of((tmp_path / "raw_data" / "shop.dat").read_bytes())}
    column = {iid: n for n, iid in enumerate(truth["iid"].tolist())}
    single = truth["p_click"][:, [column[iid] for iid in truth["best_static"].tolist()]].mean()
    assert truth["p_click"].mean() < single < np.sort(truth["p_click"], axis=1)[:, -10:].mean()


def test_the_real_pipeline_closes_more_than_random_and_less_than_the_best(tmp_path: Path) -> None:
    settings = simulation_settings("base", None, [*SMALL, "shop.silent_share=0", "loop.epochs=2", "loop.warm_up_days=3", "loop.retrain_every=2"])  # one night
    report = simulate_loop(settings, "base", 3, tmp_path, Silent(), days=2, policies=["ours"], config=Config())
    assert list(report.policies) == ["random", "ours", "best"]
    ours = report.policies["ours"]
    assert ours.closed.low > 0.1
    assert ours.closed.high < 1
    assert ours.ahead["random"].low > 0 > ours.ahead["best"].high
    assert json.loads((tmp_path / "loop.json").read_text())["policies"]["ours"]["closed"]["mean"] == ours.closed.mean
    page = (tmp_path / "loop.html").read_text()
    assert page.count("<svg") == 6
    assert "`ours` closes" in page
    assert "http" not in page


@pytest.mark.parametrize(
    ("preset", "knobs", "told"),
    [
        ("bass", [], "Did you mean `base`?"),
        ("base", ["shop.user=5"], "Did you mean `shop.users`?"),
        ("base", ["shop.users=-5"], "shop.users = -5 cannot be used"),
        ("base", ["users=5"], "is no section"),
        ("base", ["shop.users five"], "such as --set shop.users=2000"),
        ("base", ["shop.items=10", "shop.launching_share=0.9"], "on day 0 as many items as a list has places"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_with_what_to_do(preset: str, knobs: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("?", r"\?").replace("[", r"\[")):
        simulation_settings(preset, None, knobs)


def test_a_toml_file_goes_over_the_preset_and_a_flag_over_the_file(tmp_path: Path) -> None:
    toml = tmp_path / "shop.toml"
    toml.write_text("[shop]\nposition_bias = 0.5\nusers = 700\n")
    settings = simulation_settings("position-bias", toml, ["shop.users=800"])
    assert (settings.shop.position_bias, settings.shop.users, settings.logging.columns) == (0.5, 800, ("position", "propensity"))
    toml.write_text("[shop]\nnothing = 0.5\n")
    with pytest.raises(ConfigError, match=r"shop\.toml: there is no knob `shop\.nothing`"):
        simulation_settings("base", toml, [])


def test_a_policy_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no policy `hott`"):
        simulate_loop(simulation_settings("base", None, SMALL), "base", 3, tmp_path, Silent(), days=1, policies=["hott"], config=Config())
