"""The Flask application."""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response, g, request

from homefeed.api.errors import register_errors
from homefeed.api.parameters import REQUEST_ID, request_id_of
from homefeed.api.routes import AnythingConverter, feed_routes
from homefeed.api.services import Services

_PREFLIGHT_SECONDS = "600"


def create_app(services: Services, cors_origins: Collection[str] = ()) -> Flask:
    """``cors_origins``: pages that may call the API, ``*`` for all; none by default."""
    app = Flask("homefeed", static_folder=None)
    app.url_map.converters["anything"] = AnythingConverter
    app.register_blueprint(feed_routes(services))
    register_errors(app)

    @app.before_request
    def begin() -> None:
        g.request_id = request_id_of(request)
        services.ready()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[REQUEST_ID] = g.request_id
        return _allow_origin(response, cors_origins) if cors_origins else response

    return app


def _allow_origin(response: Response, origins: Collection[str]) -> Response:
    origin = request.headers.get("Origin")
    response.vary.add("Origin")
    if origin and (origin in origins or "*" in origins):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = REQUEST_ID
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET"
            response.headers["Access-Control-Allow-Headers"] = REQUEST_ID
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    return response
