"""For those who run the API: probes, metrics, and its description."""

from __future__ import annotations

from flask import Blueprint, Response

from homefeed.api.docs_page import DOCS_POLICY, docs_page
from homefeed.api.errors import no_release
from homefeed.api.exposition import CONTENT_TYPE
from homefeed.api.guard import carries_token, require_token
from homefeed.api.openapi import openapi
from homefeed.api.schemas import health_body, json_response
from homefeed.api.services import Services


def operator_routes(services: Services, token: bytes) -> Blueprint:
    """Probes and the description are open; metrics need the token where there is one, since traffic is the shop's own affair."""
    routes = Blueprint("operator", __name__)
    description = openapi(needs_token=bool(token))
    page = docs_page(description)

    @routes.get("/live")
    def live() -> Response:
        return json_response({"live": True})

    @routes.get("/ready")
    def ready() -> Response:
        services.start()
        return json_response({"ready": True}) if services.is_warm() else no_release("There is no release to serve yet. Publish one: homefeed export.")

    @routes.get("/health")
    def health() -> Response:
        services.start()
        report = services.health()
        return json_response(health_body(report, with_reasons=carries_token(token)), 503 if report.out else 200)

    @routes.get("/metrics")
    def metrics() -> Response:
        require_token(token)
        services.start()
        return Response(services.metrics(), content_type=CONTENT_TYPE)

    @routes.get("/openapi.json", endpoint="openapi")
    def openapi_json() -> Response:
        return json_response(description)

    @routes.get("/docs")
    def docs() -> Response:
        return Response(page, mimetype="text/html", headers={"Content-Security-Policy": DOCS_POLICY})

    return routes
