"""Every knob of the simulator, typed, on one page. Default < preset < TOML file < flag. Strengths are standard deviations in logits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from homefeed.config import Section

ExtraColumn = Literal["position", "propensity"]
Strength = Annotated[float, Field(ge=0, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]
Values = Annotated[int, Field(ge=1)]


class ShopSettings(Section):
    """Who comes, what is sold, and what makes a click and an order."""

    users: int = Field(10_000, ge=2, description="users")
    items: int = Field(5_050, ge=2, description="items")
    days: int = Field(10, ge=1, le=366, description="days of the log, or of the closed loop with its warm-up; the truth is that of the day after")
    lists: int = Field(88_000, ge=1, description="lists shown over all days")
    list_size: int = Field(10, ge=1, le=100, description="items in a list")
    first_ts: int = Field(1_759_708_800, ge=0, description="first second of day 0; a midnight, UTC")
    silent_share: Share = Field(0.05, description="users who never come in the log: they are known by their tags alone")
    arriving_share: Share = Field(0.3, description="users who first come on some day after day 0")
    late_share: Share = Field(0.05, description="users who first come on the last day")
    activity: Strength = Field(1.0, description="spread of how often users come: standard deviation of the logarithm")
    user_tag_values: tuple[Values, Values] = Field((15, 9), description="values of `utag1` and of `utag2`")
    item_tag_values: tuple[Values, Values, Values] = Field((25, 200, 10), description="categories (`itag1`), brands (`itag2`), price bands (`itag3`)")
    factors: int = Field(8, ge=1, le=256, description="dimensions of taste")
    click_rate: float = Field(0.05, gt=0, lt=1, description="click rate of a random item in the first place of a random user's list, over the days of the log")
    eagerness: Strength = Field(0.3, description="some users click more than others, whatever they are shown")
    tag_taste: Strength = Field(0.7, description="taste that a user's tags tell")
    personal_taste: Strength = Field(0.8, description="taste that only a user's clicks tell")
    item_part: Share = Field(0.35, description="share of an item's taste that its tags do not tell")
    taste_drift: Share = Field(0.0, description="share of the personal taste (of its variance) that is another one by the last day")
    mood: Strength = Field(0.0, description="taste of one session: a user's visits of one day; it adds to the lasting taste")
    mood_memory: float = Field(0.0, ge=0, lt=1, description="how far a mood lasts into the user's next day: correlation from day to day")
    tag_quality: Strength = Field(0.3, description="appeal of an item to everybody, as far as its tags tell it")
    own_quality: Strength = Field(0.6, description="the rest of its appeal to everybody")
    price_spread: Strength = Field(0.7, description="spread of prices: standard deviation of the logarithm")
    price_distaste: Strength = Field(0.15, description="how much less an item is clicked that is one standard deviation dearer, for the average user")
    price_sense: Strength = Field(0.2, description="how much users differ in that; half of it follows from their tags")
    launching_share: Share = Field(0.2, description="items that launch after day 0")
    freshness: Strength = Field(0.4, description="extra appeal of an item on the day of its launch (half normal)")
    fade_days: float = Field(5.0, gt=0, description="days in which that extra appeal falls to 1/e")
    trend: Strength = Field(0.25, description="random walk of an item's appeal: how far it has gone by the last day")
    fashion: Strength = Field(0.2, description="random walk of the taste of all users together, by the last day: whole kinds of items come and go")
    position_bias: Strength = Field(0.0, description="place k is looked at with probability k to the power of minus this; what is not seen is not clicked")
    order_rate: float = Field(0.08, gt=0, lt=1, description="orders per click on random slates")
    order_taste: Strength = Field(0.5, description="orders per click rise with taste and mood: logits of an order per logit of a click")
    order_price: Strength = Field(0.6, description="orders per click fall with price: logits per standard deviation")
    order_quality: Strength = Field(0.5, description="an item's own part in orders per click")
    order_delay_hours: float = Field(6.0, gt=0, description="mean time from a click to its order")

    @model_validator(mode="after")
    def _is_possible(self) -> ShopSettings:
        if self.items - round(self.items * self.launching_share) < self.list_size:
            raise ValueError("on day 0 as many items as a list has places")
        if self.silent_share + self.late_share + self.arriving_share > 1:
            raise ValueError("silent_share, late_share and arriving_share that are 1 or less together")
        return self


class LoggingSettings(Section):
    """How the shop chose what it showed while the log was made."""

    exploration: float = Field(0.25, gt=0, le=1, description="share of the lists that are drawn at random, so that every item can stand in every place")
    sharpness: Strength = Field(1.4, description="how strictly the other lists prefer what the shop believes to be good: a factor on its logits")
    sharpness_fall: Share = Field(0.5, description="how much less strictly the last place chooses than the first: good items stand on top")
    quality_known: Share = Field(0.6, description="correlation of what the shop believes about an item's appeal with the truth of the day")
    tags_known: Share = Field(0.7, description="share of the taste by tags that the shop uses")
    columns: tuple[ExtraColumn, ...] = Field((), description="further columns of shop.dat, which then gets a header row")


class LoopSettings(Section):
    """The closed loop: what a policy may know, and how it is trained."""

    warm_up_days: int = Field(2, ge=1, description="days that the logging policy makes before the policies take over")
    retrain_every: int = Field(1, ge=1, description="days between trainings of `original` and `ours`; `hot` learns every day")
    learn_days: int = Field(14, ge=1, description="a training sees so many of the last days")
    epochs: int = Field(3, ge=1, description="most epochs of each model of `ours` in a training; its validation may stop earlier")
    original_epochs: int = Field(3, ge=1, description="epochs of each model of `original` in a training")
    hot_half_life_days: float = Field(2.0, gt=0, description="half-life of the list `hot`")
    hot_prior: float = Field(50.0, gt=0, description="prior of the list `hot`, in impressions at the catalogue's click rate")
    new_days: int = Field(3, ge=1, description="an item counts as new on its day of launch and the days after, so many together")


class SimulationSettings(Section):
    """One simulated shop."""

    shop: ShopSettings = ShopSettings()
    logging: LoggingSettings = LoggingSettings()
    loop: LoopSettings = LoopSettings()
