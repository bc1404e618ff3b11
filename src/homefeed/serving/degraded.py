"""Names of the parts that can be out: in a slate's ``degraded``, in /health and in metrics."""

from __future__ import annotations

REDIS = "redis"
"""The store did not answer in time, or is not asked since it did not."""
RELEASE = "release"
"""The store's live release has no valid bundle here, or the store holds none."""
LIST = "list"
"""The user is known to the release, and the store has no list for them."""
RANK_SERVICE = "rank_service"
"""The ranker cannot score."""
TAGS = "tags"
"""The recall model cannot find items at request time: by tags, by fresh clicks, or for everybody where the release has no lists."""
PIPELINE = "pipeline"
"""Something that nobody foresaw; the log has its traceback."""

PARTS = (REDIS, RANK_SERVICE, RELEASE, LIST, TAGS, PIPELINE)
