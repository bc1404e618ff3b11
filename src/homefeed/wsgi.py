"""The application for any WSGI server, set by ``RECSYS_*`` variables: ``granian --interface wsgi homefeed.wsgi:app``, ``gunicorn homefeed.wsgi:app``."""

from __future__ import annotations

import os

from homefeed.bootstrap.application import build_app, store_of
from homefeed.bootstrap.settings import load_config, redis_named

_config = load_config(None, os.environ, {})
app = build_app(_config, store_of(_config, redis_named(os.environ, {})))
