"""Every failure as ``{"error": {"code", "message"}}``."""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from homefeed.api.schemas import json_response
from homefeed.serving.visits import NoReleaseError

_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 500: "internal_error"}
_MESSAGES = {
    404: "There is no such route. /docs shows those there are.",
    500: "The server made a mistake; its log says more.",
}


class BadRequestError(Exception):
    """The client's mistake. ``code`` is for programs, ``message`` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnauthorizedError(Exception):
    """The request does not carry the shop's token."""


def register_errors(app: Flask) -> None:
    app.register_error_handler(BadRequestError, _bad_request)
    app.register_error_handler(UnauthorizedError, _unauthorized)
    app.register_error_handler(NoReleaseError, _no_release)
    app.register_error_handler(HTTPException, _http)


def no_release(message: str) -> Response:
    return _error(503, "no_release", message)


def _bad_request(error: BadRequestError) -> Response:
    return _error(400, error.code, error.message)


def _unauthorized(error: UnauthorizedError) -> Response:
    response = _error(401, "unauthorized", "This needs the header `Authorization: Bearer <token>` with the token of this API.")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _no_release(error: NoReleaseError) -> Response:
    return no_release(str(error))


def _http(error: HTTPException) -> Response:
    """Unknown routes and methods, and (as 500, logged by Flask) what nobody foresaw."""
    status = error.code or 500
    response = _error(status, _CODES.get(status, "error"), _MESSAGES.get(status, error.description or error.name))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _error(status: int, code: str, message: str) -> Response:
    return json_response({"error": {"code": code, "message": message}}, status)
