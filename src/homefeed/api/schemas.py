"""The JSON of every answer: the contract's fields, then ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response

from homefeed.core.slate import Slate, SlateItem
from homefeed.serving.health import Health

_SCORE_DIGITS = 7
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def json_response(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(_encode(body), status, mimetype="application/json")


def recall_body(slate: Slate) -> dict[str, Any]:
    """``sources`` runs beside ``items``."""
    return {
        "uid": slate.uid,
        "stage": slate.stage,
        "count": len(slate.items),
        "is_cold_start": slate.is_cold_start,
        "items": [item.item_id for item in slate.items],
        "sources": [item.source for item in slate.items],
        **_about(slate),
    }


def recommend_body(slate: Slate) -> dict[str, Any]:
    """``score`` sorts the slate, ``p_click`` is pCTR; both 0 without a ranker. ``p_order`` is pCVR, there where the release knows orders."""
    return {
        "uid": slate.uid,
        "stage": slate.stage,
        "is_cold_start": slate.is_cold_start,
        "items": [_item(item) for item in slate.items],
        **_about(slate),
    }


def _item(item: SlateItem) -> dict[str, Any]:
    p_order = {} if item.p_order is None else {"p_order": round(item.p_order, _SCORE_DIGITS)}
    return {"id": item.item_id, "score": round(item.score, _SCORE_DIGITS), "p_click": round(item.p_click, _SCORE_DIGITS), **p_order, "source": item.source}


def health_body(health: Health, *, with_reasons: bool) -> dict[str, Any]:
    """``degraded`` names the parts that are out; the answer is 503 when there is one. ``reasons``, there when there are any, may name files and addresses."""
    return {
        "redis": _state("redis", health),
        "rank_service": _state("rank_service", health),
        "release": health.release,
        "release_age_seconds": None if health.release_age_seconds is None else round(health.release_age_seconds),
        "degraded": health.out,
        **({"reasons": dict(health.reasons)} if with_reasons and health.reasons else {}),
        "warnings": health.warnings,
    }


def _about(slate: Slate) -> dict[str, Any]:
    return {"request_id": slate.request_id, "release": slate.release, "degraded": slate.degraded}


def _state(part: str, health: Health) -> str:
    return "unavailable" if part in health.out else "ok"
