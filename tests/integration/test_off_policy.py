"""`homefeed evaluate --off-policy` from raw files to a report, in a shop whose lists were drawn by chance and whose tastes are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raw_log import rewrite

from homefeed.cli import cli
from homefeed.core.errors import HomefeedError, InputError
from homefeed.simulation.planted import planted_taste_shop

ITEMS, LIST = 20, 10
QUICK = """
seen = "keep"
[recall]
max_epochs = 3
[rank]
batch_size = 256
max_epochs = 4
"""
BY_CHANCE = [f"{place},{1 / ITEMS}" for place in range(1, LIST + 1)]
"""Position and propensity of a list's rows: any item comes to any position with the same chance."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both models fitted."""
    folder = tmp_path_factory.mktemp("shop")
    raw = folder / "data" / "raw_data"
    planted_taste_shop(raw, users=200, items=ITEMS, lists_per_user=10)
    rewrite(raw / "shop.dat", "ts,uid,iid,label,position,propensity", BY_CHANCE)
    (folder / "homefeed.toml").write_text(QUICK)
    for words in (["etl"], ["train", "recall"], ["train", "rank"]):
        command(folder, *words)
    return folder


def command(folder: Path, *words: str) -> int:
    """Exit code of `homefeed WORDS` in ``folder``. Raises ``HomefeedError``."""
    places = ["--config", str(folder / "homefeed.toml"), "--data", str(folder / "data"), "--models", str(folder / "models")]
    return int(cli.main([*words, *places], standalone_mode=False) or 0)


def report(folder: Path) -> dict[str, dict[str, Any]]:
    """The policies of the saved report, by name."""
    saved = json.loads((folder / "data" / "reports" / "off-policy.json").read_text())
    return {policy["policy"]: policy for policy in saved["policies"]}


def holds(interval: dict[str, float], value: float) -> bool:
    return interval["low"] < value < interval["high"]


def test_the_feed_is_told_to_beat_the_random_lists_that_made_the_log(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(shop, "evaluate", "--off-policy") == 0
    told, policies = capsys.readouterr().out, report(shop)
    assert list(policies) == ["the feed", "the feed, softened", "random", "hot"]
    for name in ("ips", "snips", "dr"):
        values = {policy: found["estimates"]["values"][name] for policy, found in policies.items()}
        assert holds(values["random"], (0.5 + 0.02 + 0.02) / 3)
        assert values["the feed"]["low"] > values["random"]["high"]
        assert policies["the feed"]["estimates"]["ahead"][name]["low"] > 0
        assert values["the feed"]["mean"] == pytest.approx(_feed_value(shop), abs=0.1)
        assert f"{name.upper():5}  {values['the feed']['mean']:.4f} (" in told.replace("\n", " ")


def _feed_value(shop: Path) -> float:
    """Two thirds of the places can hold what a user likes; a feed that knows the tag fills them."""
    return (np.ceil(ITEMS / 3) * 0.5 + (LIST - np.ceil(ITEMS / 3)) * 0.02) / LIST


def test_the_log_against_itself_gives_its_own_click_rate(shop: Path) -> None:
    assert command(shop, "evaluate", "--off-policy", "--against", str(shop / "data" / "raw_data")) == 0
    (policy,) = report(shop).values()
    values, own = policy["estimates"]["values"], policy["estimates"]["reference"]["mean"]
    assert "propensities" in policy["text"]
    assert policy["diagnostics"]["effective_rows"] == pytest.approx(20_000)
    assert values["ips"]["mean"] == pytest.approx(own) == values["snips"]["mean"]
    assert policy["estimates"]["ahead"]["dr"]["low"] < 0 < policy["estimates"]["ahead"]["dr"]["high"]


def test_a_policy_that_shows_what_the_log_never_shows_is_refused_with_exit_code_1(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "shop.dat"
    other.write_text((shop / "data" / "raw_data" / "shop.dat").read_text())
    lines = other.read_text().splitlines()
    unknown = [",".join([*line.split(",")[:2], f"new{n % 7}", *line.split(",")[3:]]) for n, line in enumerate(lines[1:])]
    other.write_text("\n".join([lines[0], *(line.rsplit(",", 1)[0] + f",{1 / 7}" for line in unknown)]) + "\n")
    assert command(shop, "evaluate", "--off-policy", "--against", str(other)) == 1
    (policy,) = report(shop).values()
    assert policy["estimates"] is None
    assert "100.0% of what it would show was never shown at that position" in policy["refused"][0]
    assert "REFUSED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("header", "columns", "complaint"),
    [
        ("ts,uid,iid,label", [], r"no column propensity.*Log it"),
        ("ts,uid,iid,label,position,propensity", [f"{place},1.5" for place in range(1, LIST + 1)], r"no propensity in \(0, 1\], the first of them has 1.5"),
        ("ts,uid,iid,label,position,propensity", [f"{place},0" for place in range(1, LIST + 1)], r"20,000 of 20,000 rows have no propensity"),
        ("ts,uid,iid,label,propensity", ["", *["0.05"] * 9], r"2,000 of 20,000 rows have no propensity"),
        ("ts,uid,iid,label,position,propensity", ["x,0.05", *BY_CHANCE[1:]], r"2,000 of 20,000 rows have no position"),
        ("ts,uid,iid,label,position,propensity", [f"{place},0.5" for place in range(1, LIST + 1)], r"position 1 the propensities of the 20 .* add up to 10\.0"),
        ("ts,uid,iid,label,position,propensity", [f"{place},0.005" for place in range(1, LIST + 1)], r"add up to 0\.1000 over"),
        ("ts,uid,iid,label,position,propensity", [*BY_CHANCE[:9], "11,0.05"], r"The two logs fill different places"),
    ],
)
def test_a_log_that_cannot_carry_any_question_is_told_by_what_is_wrong(header: str, columns: Sequence[str], complaint: str, shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "shop.dat"
    other.write_text((shop / "data" / "raw_data" / "shop.dat").read_text())
    rewrite(other, header, columns, keep=4)
    with pytest.raises(InputError, match=complaint):
        command(shop, "evaluate", "--off-policy", "--against", str(tmp_path))


def test_a_place_that_is_no_log_is_told(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(HomefeedError, match=r"nowhere is no folder and no shop\.dat"):
        command(shop, "evaluate", "--off-policy", "--against", str(tmp_path / "nowhere"))
