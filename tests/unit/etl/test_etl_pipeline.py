from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from raw_shop import ITEMS, LOG, USERS, Shop

from homefeed.artifacts.processed_writer import staged
from homefeed.core.errors import ArtifactError, ConfigError, InputError


def slots(shop: Shop) -> dict[str, int]:
    """The contract's pickle, which tests may load: they wrote it."""
    loaded: dict[str, int] = pickle.loads((shop.processed / "feature_map.pkl").read_bytes())  # noqa: S301
    return loaded


def test_every_file_of_the_contract_is_written_and_the_typed_ones_can_be_read(shop: Shop) -> None:
    report = shop.write().run()
    names = {path.name for path in shop.processed.iterdir() if not path.name.startswith(".")}
    contract = {"train.csv", "test.csv", "meta_data.pkl", "feature_map.pkl", "item_global_score.csv"}
    assert names == contract | {"train.parquet", "test.parquet", "users.parquet", "items.parquet", "feature_map.parquet", "meta.json", "rejects.csv"}
    dataset = shop.dataset()
    assert (len(dataset.train), len(dataset.test)) == (report.train.rows, report.test.rows) == (8, 2)
    assert dataset.meta.lineage == report.lineage


def test_the_csv_files_hold_slots_in_the_contracts_columns_by_time(shop: Shop) -> None:
    shop.write(log=LOG[::-1]).run()
    rows, slot = shop.csv("train.csv") + shop.csv("test.csv"), slots(shop)
    assert list(rows[0]) == ["ts", "uid", "utag1", "utag2", "iid", "itag1", "itag2", "itag3", "label"]
    assert [int(row["ts"]) for row in rows] == sorted(int(line.split(",")[0]) for line in LOG)
    assert {k: int(v) for k, v in rows[-2].items()} == {
        "ts": 800, "uid": slot["uid=u2"], "utag1": slot["utag1=b"], "utag2": slot["utag2=y"], "iid": slot["iid=i3"],
        "itag1": slot["itag1=o"], "itag2": slot["itag2=q"], "itag3": slot["itag3=r"], "label": 1,
    }  # fmt: skip


def test_slots_start_at_one_in_the_order_of_fields_and_values_whatever_the_order_of_rows(shop: Shop) -> None:
    shop.write().run()
    first = slots(shop)
    shop.write(log=LOG[::-1], users=USERS[::-1], items=ITEMS[::-1]).run(new_map=True)
    assert slots(shop) == first
    assert list(first)[:4] == ["uid=u1", "uid=u2", "uid=u3", "uid=u4"]
    assert sorted(first.values()) == list(range(1, len(first) + 1))


def test_users_and_items_without_features_stay_with_unknown_tags_and_those_without_rows_are_known(shop: Shop) -> None:
    report = shop.write().run()
    users, items = pl.read_parquet(shop.processed / "users.parquet"), pl.read_parquet(shop.processed / "items.parquet")
    assert users["id"].to_list() == ["u1", "u2", "u3", "u4", "u9"]
    assert items["id"].to_list() == ["i1", "i2", "i3", "i4", "i9"]
    assert users.row(3)[2:] == (0, 0)
    assert (report.users_without_features, report.items_without_features) == (1, 1)
    assert [row["iid"] for row in shop.csv("item_global_score.csv")] == items["id"].to_list()


def test_ids_are_opaque_strings(shop: Shop) -> None:
    ids = ["18292817638588633000", "007", "7", "NA", "null", "nan", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "zwei Wörter", "東京", "a|b", "None", '"q', "1e5"]
    log = [f"{n},{uid},{ids[-1 - n]},{n % 2}" for n, uid in enumerate(ids)]
    shop.write(log, [f"{i},NA,null" for i in ids], [f"{i},nan,,x" for i in ids]).run()
    for name in ("users", "items"):
        frame = pl.read_parquet(shop.processed / f"{name}.parquet")
        assert frame["id"].to_list() == sorted(ids)
    assert {"uid=NA", "utag1=NA", "utag2=null", "iid=null", "itag1=nan", "itag3=x"} <= slots(shop).keys()
    assert pl.read_parquet(shop.processed / "items.parquet")["itag2"].unique().to_list() == [0]
    assert shop.dataset().train.user.min() > 0


def test_blanks_around_pipes_are_trimmed_and_each_file_has_its_own_dialect(shop: Shop) -> None:
    shop.write(log=[line.replace(",", " | ") for line in LOG], items=[line.replace(",", "\t") for line in ITEMS]).run()
    piped = slots(shop)
    shop.write().run(new_map=True)
    assert slots(shop) == piped
    assert "shop.dat: pipe separated, no header row, ts in seconds, 10 rows" in shop.listener.lines
    assert "item_feature.dat: tab separated, no header row, 4 rows" in shop.listener.lines


def test_header_rows_decide_the_columns_and_unknown_ones_are_named(shop: Shop) -> None:
    log = ["color,label,iid,position,ts,uid", *(",".join(("red", f[3], f[2], "3", f[0], f[1])) for f in (line.split(",") for line in LOG))]
    users = ["utag2,age,uid,utag1", *(",".join((f[2], "9", f[0], f[1])) for f in (line.split(",") for line in USERS))]
    shop.write(log, users).run()
    headed = shop.csv("train.csv")
    assert pl.read_parquet(shop.processed / "train.parquet")["position"].unique().to_list() == [3]
    assert {"shop.dat: ignored color", "user_feature.dat: ignored age", "shop.dat: also position"} <= set(shop.listener.lines)
    shop.write().run()
    assert shop.csv("train.csv") == headed


def test_further_log_columns_can_be_named_where_there_is_no_header_row(shop: Shop) -> None:
    shop.write([f"{line},{n},0.5,home" for n, line in enumerate(LOG)]).run(schema={"log": ["position", "propensity", "surface"]})
    train = pl.read_parquet(shop.processed / "train.parquet")
    assert train.select("position", "propensity", "surface").row(1) == (1, 0.5, "home")


def test_kinds_of_event_become_label_and_weight(shop: Shop) -> None:
    kinds = ["view", "click", "cart", "buy"]
    shop.write(["ts,uid,iid,event", *(f"{n},u{n % 3},i{n % 4},{kinds[n % 4]}" for n in range(20))]).run(events={"view": 0, "click": 1, "cart": 3, "buy": 5})
    train = pl.read_parquet(shop.processed / "train.parquet")
    assert train.select("label", "weight").head(4).rows() == [(0, 1.0), (1, 1.0), (1, 3.0), (1, 5.0)]
    assert pl.read_parquet(shop.processed / "items.parquet").filter(pl.col("id") == "i3")["clicks_split"].item() == 4


def test_several_values_and_numbers(shop: Shop) -> None:
    items = ["i1,p,a|b|a,9.5", "i2,p,b,NA", "i3,o,,-1", "i4,o,a|b|a,"]
    settings = {"schema": {"item": {"itag1": "category", "tags": "multi", "price": "number"}}}
    shop.write(items=items).run(**settings)
    table, slot, dataset = pl.read_parquet(shop.processed / "items.parquet"), slots(shop), shop.dataset()
    a, b = slot["tags[]=a"], slot["tags[]=b"]
    assert table["tags"].to_list() == [[a, b], [b], [], [a, b]]
    np.testing.assert_array_equal(dataset.items.numbers[1:, 0], [9.5, np.nan, -1, np.nan])
    row = shop.csv("train.csv")[0]
    assert (row["tags"], row["price"]) == (str(slot["tags=a|b|a"]), "9.5")
    assert "item_feature.dat: price is missing or no number in 2 of 4 rows" in shop.listener.lines


@pytest.mark.parametrize("name", ["value", "slot_id", "item", "user", "index", "element", "tags[]"])
def test_a_column_may_be_called_as_something_within(name: str, shop: Shop) -> None:
    shop.write(items=["i1,a|b", "i2,b", "i3,"]).run(schema={"item": {name: "multi"}})
    slot = slots(shop)
    assert pl.read_parquet(shop.processed / "items.parquet")[name].to_list()[:3] == [[slot[f"{name}[]=a"], slot[f"{name}[]=b"]], [slot[f"{name}[]=b"]], []]


@pytest.mark.parametrize("header", [True, False])
def test_sold_out_items_are_marked(shop: Shop, header: bool) -> None:
    rows = ["i1,p,q,r,1", "i2,p,q,s,0", "i3,o,q,r,1"]
    schema = {} if header else {"schema": {"item": {"itag1": "category", "itag2": "category", "itag3": "category", "available": "flag"}}}
    shop.write(items=["iid,itag1,itag2,itag3,available", *rows] if header else rows).run(**schema)
    assert pl.read_parquet(shop.processed / "items.parquet")["available"].to_list() == [True, False, True, True]
    assert "available" not in shop.csv("train.csv")[0]


def test_the_last_of_repeated_entities_counts_and_is_told(shop: Shop) -> None:
    shop.write(users=["u1,old,x", *USERS[1:], "u1,new,x"]).run()
    slot, users = slots(shop), pl.read_parquet(shop.processed / "users.parquet")
    assert users.filter(pl.col("id") == "u1")["utag1"].item() == slot["utag1=new"]
    assert "user_feature.dat: 1 rows repeat an earlier uid; the last one counts" in shop.listener.lines


def test_ts_keeps_its_unit_in_the_csv_files(shop: Shop) -> None:
    shop.write([f"{1541548955000 + n},u1,i1,{n % 2}" for n in range(10)]).run()
    assert shop.csv("train.csv")[0]["ts"] == "1541548955000"
    shop.write([f"2018-11-07T00:02:{35 + n}Z,u1,i1,{n % 2}" for n in range(10)]).run(new_map=True)
    assert shop.csv("train.csv")[0]["ts"] == "1541548955"
    assert shop.dataset().meta.ts_unit_us == 1_000_000


def test_a_second_run_on_newer_data_keeps_every_slot(shop: Shop) -> None:
    first_report = shop.write().run()
    first = slots(shop)
    report = shop.write(log=[*LOG, "950,u0,i0,1", "960,u1,i5,0"], users=[*USERS[1:], "u0,aa,x"]).run()
    second = slots(shop)
    assert {key: second[key] for key in first} == first
    assert min(second[key] for key in ("uid=u0", "utag1=aa", "iid=i0", "iid=i5")) > len(first)
    assert report.new_slots == 4
    assert report.lineage.fits(first_report.lineage.fingerprint)
    assert report.lineage.id == first_report.lineage.id


def test_the_same_data_again_adds_nothing_to_the_map(shop: Shop) -> None:
    first, second = shop.write().run(), shop.run()
    assert first.lineage == second.lineage
    assert first.split == second.split


def test_the_split_has_another_id_when_other_rows_could_be_tested(shop: Shop) -> None:
    ids = [shop.write().run().split.id, shop.run(etl={"split": "per-user"}).split.id, shop.run(etl={"test_fraction": 0.3}).split.id]
    ids.append(shop.write(log=[*LOG[:-1], "900,u4,i3,0"]).run().split.id)
    assert len(set(ids)) == 4


def test_another_shops_log_is_refused_until_a_new_map_is_asked_for(shop: Shop) -> None:
    first = shop.write().run()
    shop.write(log=[line.replace("u", "x").replace("i", "y") for line in LOG])
    with pytest.raises(ArtifactError, match=r"looks like another shop.*0.0%.*--new-map"):
        shop.run()
    assert shop.dataset().meta.lineage == first.lineage
    assert shop.run(new_map=True).lineage.id != first.lineage.id


def test_the_map_outlives_a_run_that_was_killed_before_its_last_file(shop: Shop) -> None:
    first = shop.write().run()
    (shop.processed / "meta.json").unlink()
    assert shop.run().lineage == first.lineage


def test_a_broken_map_stops_the_run(shop: Shop) -> None:
    shop.write().run()
    (shop.processed / "feature_map.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ArtifactError, match=r"feature_map.parquet .*--new-map"):
        shop.run()


def test_a_failed_run_leaves_the_old_dataset_untouched(shop: Shop) -> None:
    shop.write().run()
    before = {path.name: path.read_bytes() for path in shop.processed.iterdir() if path.is_file()}
    with pytest.raises(InputError):
        shop.write(log=[*LOG, "soon,u1,i1"]).run(etl={"max_rejects": 1, "test_fraction": 0.5}, schema={"item": {"missing": "category"}})
    assert {path.name: path.read_bytes() for path in shop.processed.iterdir()} == before


def test_a_failed_write_changes_nothing_and_cleans_up(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("old")

    def interrupted() -> None:
        with staged(tmp_path) as staging:
            (staging / "meta.json").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "meta.json").read_text() == "old"
    assert not (tmp_path / ".staging").exists()


def test_two_runs_never_write_into_one_folder(tmp_path: Path) -> None:
    with staged(tmp_path), pytest.raises(ArtifactError, match="Another ETL is writing"), staged(tmp_path):
        pass


def test_the_pickled_description_is_made_of_builtins(shop: Shop) -> None:
    shop.write().run()
    meta = pickle.loads((shop.processed / "meta_data.pkl").read_bytes())  # noqa: S301
    assert json.loads(json.dumps(meta)) == meta
    assert meta["feature_dim"] == len(slots(shop)) + 1
    assert meta["sparse_features"] == ["uid", "utag1", "utag2", "iid", "itag1", "itag2", "itag3"]
    assert meta["vocabulary_sizes"]["uid"] == 5


def test_one_label_alone_is_refused_unless_negatives_are_drawn_for_clicks(shop: Shop) -> None:
    shop.write(log=[f"{line[:-1]}1" for line in LOG])
    with pytest.raises(InputError, match=r"shop.dat: all 10 rows have label 1\..*--sample-negatives 4 draws"):
        shop.run()
    assert shop.run(etl={"sample_negatives": 1}).train.click_rate == 1
    with pytest.raises(InputError, match=r"shop.dat: none of the 10 rows has label 1"):
        shop.write(log=[f"{line[:-1]}0" for line in LOG]).run(etl={"sample_negatives": 1})


def test_hotness_has_three_moments(shop: Shop) -> None:
    """i3 is clicked in the test side only (at 800): the end of the log knows it, the split and the row itself do not."""
    shop.write().run()
    dataset = shop.dataset()
    row = dataset.items.ids.index("i3")
    clicked = dataset.test.item == row
    assert dataset.facts.hotness_end[row] > dataset.facts.hotness_split[row]
    assert dataset.test.hotness[clicked][0] < dataset.facts.hotness_end[row]
    assert dataset.facts.clicks_split[row] == 0
    scores = {line["iid"]: line for line in shop.csv("item_global_score.csv")}
    assert float(scores["i3"]["global_score"]) == pytest.approx(dataset.facts.hotness_end[row])
    assert [scores[i]["impression_count"] for i in ("i1", "i4", "i9")] == ["3", "1", "0"]


def test_per_user_hotness_at_the_split_comes_from_train_rows_alone(shop: Shop) -> None:
    shop.write().run(etl={"split": "per-user", "test_fraction": 0.4})
    before = shop.dataset().facts.hotness_split
    flipped = {line for line in LOG if line.split(",")[0] in {str(int(t) // 1_000_000) for t in shop.dataset().test.ts_us}}
    shop.write(log=[f"{line[:-1]}{1 - int(line[-1])}" if line in flipped else line for line in LOG]).run(etl={"split": "per-user", "test_fraction": 0.4})
    np.testing.assert_array_equal(shop.dataset().facts.hotness_split, before)


def test_the_report_says_rows_rates_and_cold_shares(shop: Shop) -> None:
    report = shop.write().run()
    assert (report.cold_user_share, report.cold_item_share) == (0.5, 0.5)
    said = "\n".join(shop.listener.lines)
    assert "train: 8 rows, 3 users, 3 items, click rate 37.50%" in said
    assert "cold on the test side: 50.0% of its users, 50.0% of its items" in said
    assert "seen items: keep" in said or "seen items: exclude" in said


BAD_ROWS = [
    ({"log": [*LOG, "950,u1,i1"]}, r"shop.dat: 1 of 11 rows \(9.1%\) cannot be used: 1 x 3 columns instead of 4, first in line 11: '950,u1,i1'"),
    ({"log": [*LOG * 3, "950,u1,i1,1,9"]}, r"1 x 5 columns instead of 4, first in line 31"),
    ({"log": [*LOG, "later,u1,i1,1"]}, r"1 x ts is not in seconds, first in line 11: 'later'"),
    ({"log": [*LOG, "1541548955000,u1,i1,1"]}, r"1 x ts is not in seconds, first in line 11: '1541548955000'"),
    ({"log": [*LOG, "950,u1,i1,2"]}, r"1 x label is not 0 or 1, first in line 11: '2'"),
    ({"log": [*LOG, "950,u1,i1,"]}, r"1 x label is not 0 or 1, first in line 11\."),
    ({"log": [*LOG, "950,,i1,1"]}, r"1 x uid is empty, first in line 11"),
    ({"log": [*LOG, "950,u1,,1"]}, r"1 x iid is empty, first in line 11"),
    ({"log": ["ts,uid,iid,label", *LOG, "", "950,u1,i1,yes"]}, r"1 x label is not 0 or 1, first in line 13: 'yes'"),
    ({"log": ["ts,uid,iid,label,position", *(f"{line},1" for line in LOG * 3), "950,u1,i1,1"]}, r"1 x 4 columns instead of 5, first in line 32"),
    ({"log": [line[:-2] for line in LOG]}, r"shop.dat, line 1: 3 comma separated columns. Expected 4"),
    ({"log": ["ts,uid,item,label", *LOG]}, r"shop.dat, line 1: the header row \(ts, uid, item, label\) lacks iid"),
    ({"log": ["ts,uid,iid,label,uid", *(f"{line},1" for line in LOG)]}, r"the header row names uid twice"),
    ({"log": ["ts,uid,iid,event", *LOG]}, r"shop.dat: it has a column event and no label.*\[events\]"),
    ({"log": b"1,u1,i1,1\n2,u\xff1,i1,0\n"}, r"1 of 2 rows .* 1 x not UTF-8, first in line 2: '2,u\\xff1,i1,0'"),
    ({"log": b""}, r"shop.dat is empty. Expected rows with the columns ts, uid, iid, label"),
    ({"users": ["uid,utag1", *(line.rsplit(",", 1)[0] for line in USERS)]}, r"user_feature.dat, line 1: the header row \(uid, utag1\) lacks utag2"),
    ({"users": [*USERS * 20, "u5,a"]}, r"user_feature.dat: 1 of 81 rows .* 1 x 2 columns instead of 3, first in line 81"),
    ({"items": [*ITEMS * 20, ",a,b,c"]}, r"1 x iid is empty, first in line 81"),
    ({"items": ["iid,itag1,itag2,itag3,available", "i1,a,b,c,2"]}, r"1 x available is not 0 or 1, first in line 2: '2'"),
]


@pytest.mark.parametrize(("files", "message"), BAD_ROWS, ids=[message[:60] for _, message in BAD_ROWS])
def test_a_row_that_cannot_be_used_is_told_with_file_line_and_what_was_expected(shop: Shop, files: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        shop.write(**files).run()  # type: ignore[arg-type]


def test_an_unknown_kind_of_event_is_told(shop: Shop) -> None:
    with pytest.raises(InputError, match=r"1 x event is not one of view, click .*, first in line 3: 'gaze'"):
        shop.write(["ts,uid,iid,event", "1,u1,i1,click", "2,u1,i1,gaze"]).run(events={"view": 0, "click": 1})


def test_a_missing_feature_file_is_told(shop: Shop) -> None:
    shop.write()
    (shop.data / "raw_data" / "item_feature.dat").unlink()
    with pytest.raises(InputError, match=r"item_feature.dat is missing. Expected a file with the columns iid, itag1, itag2, itag3"):
        shop.run()


def test_an_empty_last_tag_is_no_wrong_width(shop: Shop) -> None:
    shop.write(users=[*USERS[:3], "u4,a,"]).run()
    assert pl.read_parquet(shop.processed / "users.parquet").filter(pl.col("id") == "u4")["utag2"].item() == 0


@pytest.mark.parametrize("user", [{"itag1": "category"}, {"slot": "category"}, {"available": "flag"}, {"a=b": "category"}])
def test_a_schema_with_impossible_names_is_refused(shop: Shop, user: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        shop.write().run(schema={"user": user})


def test_a_shop_may_have_no_tags_at_all(shop: Shop) -> None:
    shop.write(users=["u1", "u2"], items=["i1", "i2"]).run(schema={"user": {}, "item": {}})
    assert list(shop.csv("train.csv")[0]) == ["ts", "uid", "iid", "label"]
    assert len(shop.dataset().users) == 5
