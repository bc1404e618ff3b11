"""The contract's feed: candidates, and the slate."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from werkzeug.routing import BaseConverter

from homefeed.api.guard import require_token
from homefeed.api.parameters import RECALL, RECOMMEND, read_request
from homefeed.api.schemas import json_response, recall_body, recommend_body
from homefeed.api.services import Services


class AnythingConverter(BaseConverter):
    """The rest of the path, whatever it holds: a uid may contain ``/``."""

    regex = r"(?s:.*)"
    part_isolating = False


def feed_routes(services: Services, token: bytes) -> Blueprint:
    routes = Blueprint("feed", __name__)

    @routes.before_request
    def begin() -> None:
        require_token(token)
        services.start()

    @routes.get("/recall/<anything:uid>")
    def recall(uid: str) -> Response:
        slate = services.pipeline.recall(read_request(request, RECALL, g.request_id))
        services.telemetry.made(slate)
        return json_response(recall_body(slate))

    @routes.get("/recommend/<anything:uid>")
    def recommend(uid: str) -> Response:
        slate = services.pipeline.recommend(read_request(request, RECOMMEND, g.request_id))
        services.telemetry.made(slate)
        response = json_response(recommend_body(slate))
        if request.method == "GET":  # HEAD shows nothing
            services.shown(slate)
        return response

    return routes
