"""The bodies of all answers, for the OpenAPI description."""

from __future__ import annotations

from typing import Any

from homefeed.api.parameters import RECALL, RECOMMEND, REQUEST_ID_FORM
from homefeed.core.candidates import SOURCES
from homefeed.core.ids import MAX_ID_BYTES

Json = dict[str, Any]

ERROR_CODES = ("bad_uid", "bad_top_k", "bad_offset", "bad_request", "unauthorized", "not_found", "method_not_allowed", "no_release", "internal_error")


def schemas() -> Json:
    """By name, for ``#/components/schemas``."""
    return {
        "Recommendation": _object(
            {
                "uid": uid(),
                "stage": {"const": "rank"},
                "is_cold_start": {"type": "boolean", "description": "this user has no list"},
                "items": {"type": "array", "maxItems": RECOMMEND.max_top_k, "items": _item()},
                **_about(),
            }
        ),
        "Recall": _object(
            {
                "uid": uid(),
                "stage": {"const": "recall"},
                "count": {"type": "integer", "minimum": 0, "maximum": RECALL.max_top_k},
                "is_cold_start": {"type": "boolean", "description": "this user has no list"},
                "items": {"type": "array", "maxItems": RECALL.max_top_k, "items": _text("raw item id")},
                "sources": {"type": "array", "description": "runs beside `items`", "items": _source()},
                **_about(),
            }
        ),
        "Health": _object(
            {
                "redis": {"enum": ["ok", "unavailable"]},
                "rank_service": {"enum": ["ok", "unavailable"]},
                "release": {"type": ["string", "null"], "description": "the release that answers"},
                "release_age_seconds": {"type": ["integer", "null"]},
                "degraded": _parts("parts that are out"),
                "reasons": {
                    "type": "object",
                    "additionalProperties": _text("for people"),
                    "description": "why each of them is; with the token only, where there is one",
                },
                "warnings": {"type": "array", "items": {"type": "string"}, "description": "for people"},
            },
            optional=("reasons",),
        ),
        "Live": _object({"live": {"const": True}}),
        "Ready": _object({"ready": {"const": True}}),
        "Error": _object({"error": _object({"code": {"enum": list(ERROR_CODES)}, "message": _text("for people; may change")})}),
    }


def uid() -> Json:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_ID_BYTES,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        "description": f"raw user id: UTF-8, at most {MAX_ID_BYTES} bytes, no control characters",
    }


def _item() -> Json:
    score = {"type": "number", "minimum": 0, "maximum": 1, "description": "what the slate is sorted by; 0 when the ranker is out"}
    p_click = {"type": "number", "minimum": 0, "maximum": 1, "description": "pCTR, the chance of a click; 0 when the ranker is out"}
    p_order = {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "pCVR, the chance of an order once it is clicked; there where the release knows orders and its ranker is not out",
    }
    return _object({"id": _text("raw item id"), "score": score, "p_click": p_click, "p_order": p_order, "source": _source()}, optional=("p_order",))


def _source() -> Json:
    return {"enum": list(SOURCES), "description": "where the item came from"}


def _about() -> Json:
    return {
        "request_id": {"type": "string", "pattern": f"^{REQUEST_ID_FORM}$", "description": "as in the header"},
        "release": _text("the release whose list and models were used"),
        "degraded": _parts("parts that could not help"),
    }


def _parts(description: str) -> Json:
    return {"type": "array", "items": {"type": "string"}, "description": f"{description}; docs/http-api.md lists them"}


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


def _object(properties: Json, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
