"""The contract's three routes."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from werkzeug.routing import BaseConverter

from homefeed.api.parameters import read_request
from homefeed.api.schemas import health_body, json_response, recall_body, recommend_body
from homefeed.api.services import Services

DEFAULT_RECALL, MAX_RECALL = 50, 500
DEFAULT_RECOMMEND, MAX_RECOMMEND = 10, 100


class AnythingConverter(BaseConverter):
    """The rest of the path, whatever it holds: a uid may contain ``/``."""

    regex = r"(?s:.*)"
    part_isolating = False


def feed_routes(services: Services) -> Blueprint:
    routes = Blueprint("feed", __name__)

    @routes.get("/health")
    def health() -> Response:
        report = services.health()
        return json_response(health_body(report), 503 if report.out else 200)

    @routes.get("/recall/<anything:uid>")
    def recall(uid: str) -> Response:
        question = read_request(request, "recall/", DEFAULT_RECALL, MAX_RECALL, g.request_id)
        return json_response(recall_body(services.pipeline.recall(question)))

    @routes.get("/recommend/<anything:uid>")
    def recommend(uid: str) -> Response:
        question = read_request(request, "recommend/", DEFAULT_RECOMMEND, MAX_RECOMMEND, g.request_id)
        return json_response(recommend_body(services.pipeline.recommend(question)))

    return routes
