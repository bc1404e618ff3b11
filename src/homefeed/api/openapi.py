"""The API's own description (OpenAPI 3.1), from the same constants that its checks use."""

from __future__ import annotations

from homefeed.api.openapi_schemas import Json, schemas, uid
from homefeed.api.parameters import MAX_OFFSET, MAX_REQUEST_ID, RECALL, RECENT, RECOMMEND, REQUEST_ID, RESERVED, FeedRoute
from homefeed.serving.recent import MAX_RECENT

API_VERSION = "1"
"""Of these routes, not of the program."""
_TOKEN = "token"  # noqa: S105 - the name of a scheme
_REFUSALS = {
    "400": "BadRequest",
    "405": "MethodNotAllowed",
    "414": "PathTooLong",
    "431": "HeadersTooLarge",
    "500": "OurMistake",
}


def openapi(*, needs_token: bool) -> Json:
    """``needs_token``: this API has one, so that the routes that show data ask for it."""
    about = {"title": "homefeed", "summary": "The home feed of a shop", "version": API_VERSION}
    schemes: Json = {"securitySchemes": {_TOKEN: {"type": "http", "scheme": "bearer"}}} if needs_token else {}
    return {
        "openapi": "3.1.0",
        "info": {**about, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": {
            f"/{RECOMMEND.name}/{{uid}}": _feed(RECOMMEND, "Recommendation", "The slate: recall, filters, rank", needs_token),
            f"/{RECALL.name}/{{uid}}": _feed(RECALL, "Recall", "Candidates, in recall order", needs_token),
            **_for_operators(needs_token),
        },
        "components": {
            "schemas": schemas(),
            "parameters": {"RequestId": _request_id()},
            "headers": {"RequestId": {"description": "yours, else a new one", "schema": {"type": "string"}}},
            "responses": _refusals(),
            **schemes,
        },
    }


def _for_operators(locked: bool) -> Json:
    health = {"200": _json("every part does its work", "Health"), "503": _json("one is out: `degraded` names it", "Health")}
    ready = {"200": _json("it can", "Ready"), "503": _ref("NoRelease")}
    return {
        "/health": _get("health", "Whether every part does its work", health),
        "/live": _get("live", "Whether the process runs", {"200": _json("it does", "Live")}),
        "/ready": _get("ready", "Whether it can answer: a release is loaded and a first slate made", ready),
        "/metrics": _get("metrics", "Counters for Prometheus, the sum over all workers", {"200": _body("counters", "text/plain")}, locked),
        "/openapi.json": _get("openapi", "This description", {"200": _body("the description", "application/json")}),
        "/docs": _get("docs", "This description, as a page", {"200": _body("the page", "text/html")}),
    }


def _feed(route: FeedRoute, body: str, summary: str, locked: bool) -> Json:
    answers = {"200": _json("the answer; `degraded` says what could not help", body), "404": _ref("NotFound"), "503": _ref("NoRelease")}
    description = _get(route.name, summary, answers, locked)
    description["get"]["parameters"] += [
        {"name": "uid", "in": "path", "required": True, "schema": uid()},
        _number("top_k", "items to return", 1, route.max_top_k, route.default_top_k),
        _number("offset", "items to skip; pages of one release do not repeat an item", 0, MAX_OFFSET, 0),
        _recent(),
        _tags(),
    ]
    return description


def _get(name: str, summary: str, answers: Json, locked: bool = False) -> Json:
    refusals = {status: _ref(response) for status, response in _REFUSALS.items()}
    about_token: Json = {"security": [{_TOKEN: []}]} if locked else {}
    if locked:
        refusals["401"] = _ref("Unauthorized")
    parameters = [{"$ref": "#/components/parameters/RequestId"}]
    return {"get": {"operationId": name, "summary": summary, "parameters": parameters, "responses": {**answers, **refusals}, **about_token}}


def _refusals() -> Json:
    return {
        "BadRequest": _json("a parameter or the uid cannot be read; without a body where the request is no HTTP", "Error"),
        "Unauthorized": _json("the token is missing or wrong", "Error"),
        "NotFound": _json("there is no such route", "Error"),
        "MethodNotAllowed": _json("only GET, HEAD and OPTIONS", "Error"),
        "PathTooLong": {"description": "path and query are longer than 65,534 bytes; no body"},
        "HeadersTooLarge": {"description": "more than 100 headers, or too large a head; no body"},
        "NoRelease": _json("nothing has been published yet", "Error"),
        "OurMistake": _json("a mistake of ours; the server's log says more", "Error"),
    }


def _json(description: str, schema: str) -> Json:
    headers = {REQUEST_ID: {"$ref": "#/components/headers/RequestId"}}
    return {**_body(description, "application/json", {"$ref": f"#/components/schemas/{schema}"}), "headers": headers}


def _body(description: str, content_type: str, schema: Json | None = None) -> Json:
    return {"description": description, "content": {content_type: {"schema": schema or {}}}}


def _ref(response: str) -> Json:
    return {"$ref": f"#/components/responses/{response}"}


def _number(name: str, description: str, low: int, high: int, default: int) -> Json:
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _recent() -> Json:
    description = (
        f"raw ids of items that this visitor has clicked since the log was written, oldest first, the latest {MAX_RECENT} count; unknown ones are ignored"
    )
    return {"name": RECENT, "in": "query", "description": f"{description}; commas between, or repeated", "schema": {"type": "string"}}


def _tags() -> Json:
    """Any other query parameter."""
    return {
        "name": "tags",
        "in": "query",
        "description": "user tags of a guest, each as its own parameter named like the column; what the shop does not know is ignored",
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "additionalProperties": True, "propertyNames": {"not": {"enum": list(RESERVED)}}},
    }


def _request_id() -> Json:
    """Not bounded: what is no request id is not refused but replaced."""
    description = f"1 to {MAX_REQUEST_ID} letters, digits, `.`, `_` or `-` come back in the answer; anything else is replaced by a new one"
    return {"name": REQUEST_ID, "in": "header", "description": description, "schema": {"type": "string"}}
