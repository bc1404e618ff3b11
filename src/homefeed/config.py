"""Every knob, typed, on one page. Default < TOML file < ``RECSYS_*`` environment < flag."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from homefeed.core.columns import AVAILABLE, Column, Kind, Schema

SeenPolicy = Literal["auto", "exclude", "keep"]
SplitKind = Literal["global", "per-user"]


UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: object) -> object:
    """``48h``, ``90m``, ``30s``, ``2d``; a bare number is hours."""
    if not isinstance(value, int | float | str):
        return value
    text = str(value)
    unit, number = (UNITS[text[-1]], text[:-1]) if text[-1:] in UNITS else ("hours", text)
    try:
        return timedelta(**{unit: float(number)})
    except (ValueError, OverflowError):
        raise ValueError("a time such as 48h, 90m or 2d") from None


def _tab(value: object) -> object:
    return "\t" if value == "tab" else value


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _no_url(value: str) -> str:
    if set(value) & set("/@"):
        raise ValueError("a name or an address without a scheme, a user or a password, which have settings of their own")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Names = Annotated[tuple[str, ...], BeforeValidator(_comma_separated)]
Host = Annotated[str, AfterValidator(_no_url)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnConfig(Section):
    kind: Kind = "category"
    separator: str = "|"


ColumnSpec = ColumnConfig | Kind


class SchemaConfig(Section):
    """Columns of the raw files, in the order they have where there is no header row."""

    user: dict[str, ColumnSpec] = Field({"utag1": "category", "utag2": "category"}, description="tags of a user, after `uid`: category, multi or number")
    item: dict[str, ColumnSpec] = Field(
        {"itag1": "category", "itag2": "category", "itag3": "category"}, description="tags of an item, after `iid`; a column named `available` takes items off"
    )
    log: Names = Field((), description="further columns of the log, after `label`, where it has no header row")


class PathsConfig(Section):
    data: Path = Field(Path("data"), description="raw_data/, processed/, releases/ and the store file lie in here")
    models: Path = Field(Path("src/models/saved"), description="where checkpoints land")

    @property
    def raw(self) -> Path:
        return self.data / "raw_data"

    @property
    def processed(self) -> Path:
        return self.data / "processed"

    @property
    def releases(self) -> Path:
        return self.data / "releases"

    @property
    def reports(self) -> Path:
        return self.data / "reports"

    @property
    def store_file(self) -> Path:
        return self.data / "store.json"

    @property
    def embedded_store(self) -> Path:
        return self.data / "store"


class EtlConfig(Section):
    separator: Annotated[Literal[",", "|", "\t"], BeforeValidator(_tab)] | None = Field(
        None, description="separator of the raw files; detected file by file where not set"
    )
    split: SplitKind = Field("global", description="one moment in time for all, or the last rows of each user")
    test_fraction: float = Field(0.2, gt=0, lt=1, description="share of the rows on the test side")
    max_rejects: float = Field(0.01, ge=0, le=1, description="share of a raw file's rows that may be rejects; above it the run stops")
    sample_negatives: int = Field(0, ge=0, le=100, description="items drawn as rows with label 0 for each click, for a log that has no such rows")


class HotnessConfig(Section):
    half_life_days: float | None = Field(
        None, gt=0, le=36_500, description="an impression counts half after so many days; not set: a quarter of the train side's time span"
    )
    prior_impressions: float = Field(50.0, gt=0, description="strength of the Bayesian prior on CTR, in impressions")


class OrdersConfig(Section):
    window: Duration = Field(timedelta(days=7), gt=timedelta(0), description="an order belongs to its user's last click on the item, if that is no older")


class ValueConfig(Section):
    """Of a shop with orders: chance of a click ^ click_power x (click + order x chance of an order x worth ^ value_power)."""

    click: float = Field(1.0, ge=0, le=1e6, description="what a click is worth in itself; counts where the shop has orders, as do all of these")
    order: float = Field(1.0, ge=0, le=1e6, description="what an order is worth beside its click; 0: slates are sorted by clicks alone")
    click_power: float = Field(1.0, ge=0, le=10, description="how much the chance of a click counts against what the click is worth")
    value_power: float = Field(0.0, ge=0, le=10, description="how much an order's money counts, in mean orders: 0 counts orders, 1 counts their value")

    @model_validator(mode="after")
    def _worth_something(self) -> ValueConfig:
        if not (self.click or self.order):
            raise ValueError("click or order above 0: with both at 0 no item is worth more than another")
        return self


class RecallConfig(Section):
    output_dim: int = Field(96, ge=2, multiple_of=2, description="numbers in a user's or an item's vector, and in a slot's embedding; even")
    max_events: int = Field(200, ge=1, description="latest log rows of a user that the model reads")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout of the history encoder")
    max_epochs: int = Field(20, ge=1, description="the validation slice chooses how many of these are kept")
    patience: int = Field(2, ge=1, description="stop after so many epochs without a better validation")
    batch_events: int = Field(4000, ge=1, description="log rows a step")
    negatives: int = Field(4096, ge=1, description="items drawn as negatives a step where the catalogue is too large to take them all")
    learning_rate: float = Field(0.004, gt=0, description="Adam's step size")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay")
    full_softmax_items: int = Field(20_000, ge=1, description="up to so many items every click is measured against all of them")


class RankConfig(Section):
    embedding_dim: int = Field(16, ge=1, description="numbers in one slot's embedding")
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((64, 32), min_length=1, description="widths of the deep part's layers")
    max_epochs: int = Field(25, ge=1, description="the validation slice chooses how many of these are kept")
    patience: int = Field(3, ge=1, description="stop after so many epochs without a better validation")
    batch_size: int = Field(4096, ge=1, description="rows a step")
    learning_rate: float = Field(0.015, gt=0, description="Adam's step size")
    weight_decay: float = Field(5e-5, ge=0, description="Adam's weight decay")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout of the deep part")


class TrainConfig(Section):
    seed: int = Field(7, ge=0, lt=2**32, description="all randomness of training starts here")
    min_count: int = Field(3, ge=1, description="a slot with fewer training rows uses its field's unknown row")
    unknown_rate: float = Field(0.05, ge=0, lt=1, description="how often an id or tag is hidden in training, so that the unknown rows are trained")
    validation_fraction: float = Field(0.1, gt=0, lt=1, description="last part of the train side, used to choose epochs")


class ExportConfig(Section):
    list_size: int = Field(100, ge=1, le=128, description="ids in a user's list")
    hot_from: int = Field(50, ge=0, description="so many ids of a list are the user's own before hot items begin")
    dssm_per_hot: int = Field(4, ge=1, description="from there on, so many of the user's own before each hot item")
    fresh_per_list: int = Field(5, ge=0, le=20, description="ids of a list that go to new items of which little is known")
    hot_size: int = Field(1000, ge=1, description="ids in `global_hot`")
    candidates: Literal["lists", "request"] = Field("lists", description="write each user a list, or let the API find candidates at request time")
    keep_releases: int = Field(3, ge=2, description="bundles kept on disk")


class RedisConfig(Section):
    host: Host = Field("localhost", description="host of Redis or Valkey")
    port: int = Field(6379, ge=1, le=65535, description="its port")
    db: int = Field(1, ge=0, description="its database")
    username: str = Field("", description="user to log in as, where the server has users")
    password: SecretStr = Field(SecretStr(""), description="password to log in with; never printed or logged")
    tls: bool = Field(False, description="speak TLS, with the server's certificate checked")
    tls_ca_file: Path | None = Field(None, description="PEM file of the authority that signed that certificate (not set: the system's)")
    timeout_ms: int = Field(50, ge=1, description="deadline of a read on the request path, in milliseconds")


class ApiConfig(Section):
    host: str = Field("0.0.0.0", description="address the API listens on")  # noqa: S104 - the contract's default
    port: int = Field(8000, ge=0, le=65535, description="port the API listens on")
    workers: int = Field(1, ge=1, le=64, description="worker processes that answer requests")
    token: SecretStr = Field(SecretStr(""), description="where set, requests for slates need `Authorization: Bearer <token>`; never printed or logged")


class Config(Section):
    """One shop's settings."""

    seen: SeenPolicy = Field("auto", description="leave out what a user has clicked before: auto, exclude or keep")
    max_release_age: Duration = Field(timedelta(hours=48), description="/health warns when the live release is older (48h, 90m, 2d)")
    cors_origins: Names = Field((), description="origins that may call the API from a page")
    slate_log: Path | None = Field(None, description="file that gets one JSON line for each slate shown; off where not set")
    schema_: SchemaConfig = Field(SchemaConfig(), alias="schema", description="columns of the raw files")
    events: dict[str, Annotated[float, Field(ge=0)]] = Field({}, description="weight of each kind in the log's `event` column; 0 is label 0")
    paths: PathsConfig = PathsConfig()
    etl: EtlConfig = EtlConfig()
    hotness: HotnessConfig = HotnessConfig()
    orders: OrdersConfig = OrdersConfig()
    value: ValueConfig = ValueConfig()
    train: TrainConfig = TrainConfig()
    recall: RecallConfig = RecallConfig()
    rank: RankConfig = RankConfig()
    export: ExportConfig = ExportConfig()
    redis: RedisConfig = RedisConfig()
    api: ApiConfig = ApiConfig()

    def shop_schema(self) -> Schema:
        return Schema(_columns(self.schema_.user), _columns(self.schema_.item), self.schema_.log, self.events)


def _columns(specs: dict[str, ColumnSpec]) -> tuple[Column, ...]:
    return tuple(_column(name, spec if isinstance(spec, ColumnConfig) else ColumnConfig(kind=spec)) for name, spec in specs.items())


def _column(name: str, spec: ColumnConfig) -> Column:
    return Column(name, "flag") if name == AVAILABLE else Column(name, spec.kind, spec.separator)
