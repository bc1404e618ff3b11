"""What the recall stage knows at one moment: a fitted model, what everybody did until then, and the channels that follow from both."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.bundle import Lately
from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.features.history import Histories, histories_of
from homefeed.models.channels.blend import DSSM_ALONE, Blend
from homefeed.models.channels.folded import item_boost
from homefeed.models.channels.names import BLEND, NEWCOMERS
from homefeed.models.channels.scores import Channels, Floats, channels_at, hot_channels
from homefeed.models.dimensions import dimensions_of
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import inputs_of
from homefeed.models.vectors import item_vectors, user_vectors


def known_rows(dataset: ProcessedDataset, recall: Checkpoint) -> Interactions:
    """The log rows that the model has seen: lists know what their model knows and no more. Drawn rows happened to nobody."""
    sides = [dataset.train, dataset.test] if recall.rows_seen == "all" else [dataset.train]
    return Interactions.concatenate(sides).of_the_log()


def channels_of(dataset: ProcessedDataset, recall: Checkpoint, users: npt.NDArray[np.int64]) -> Channels:
    """The channels for the users at these rows of the user table, who are asked right after the last row that the model has seen."""
    histories = _histories(known_rows(dataset, recall), len(dataset.users))
    model, inputs = DSSM.from_weights(recall.model), inputs_of(recall.model, dataset.users, dataset.items)
    items = item_vectors(model, inputs.items)
    wanted = user_vectors(model, inputs.users, histories, _asked_at(dataset, recall), users, items)
    return channels_at(wanted, items, histories, users, again=dataset.meta.seen.policy != "exclude")


def items_of(dataset: ProcessedDataset, recall: Checkpoint) -> tuple[Floats, Floats]:
    """Vectors f32[N, d + 1] of all items, and what the hot channels add to their scores at request time (``item_boost``)."""
    histories = _histories(known_rows(dataset, recall), len(dataset.users))
    vectors = item_vectors(DSSM.from_weights(recall.model), inputs_of(recall.model, dataset.users, dataset.items).items).numpy()
    blend = blend_of(recall)
    return vectors, item_boost(blend.weights, hot_channels(histories, len(vectors)), blend.newcomers)


def lately_of(dataset: ProcessedDataset, recall: Checkpoint) -> Lately:
    """What the user tower reads of each user of the user table at that moment: the latest events, as many as the model takes."""
    histories = _histories(known_rows(dataset, recall), len(dataset.users))
    count = np.minimum(histories.counts(), dimensions_of(recall.model).max_events)
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    kept = np.arange(offsets[-1]) + np.repeat(histories.offsets[1:] - offsets[1:], count)
    gap = histories.gaps(_asked_at(dataset, recall))[kept].astype(np.uint8)
    return Lately(offsets, histories.item[kept], histories.clicked[kept], gap)


def blend_of(recall: Checkpoint) -> Blend:
    """The weights that the channels had on the validation slice. Without any, which is of a time that had no channels, the recall model stands alone."""
    config = recall.model.config
    return Blend(config[BLEND], config.get(NEWCOMERS)) if BLEND in config else DSSM_ALONE


def _asked_at(dataset: ProcessedDataset, recall: Checkpoint) -> int | None:
    """Unix microseconds; None where each user's last row of the train side has a time of its own."""
    return None if dataset.meta.split.kind == "per-user" else recall.fitted_until_us


def _histories(rows: Interactions, n_users: int) -> Histories:
    return histories_of(rows.user, rows.item, rows.label > 0, rows.ts_us, n_users)
