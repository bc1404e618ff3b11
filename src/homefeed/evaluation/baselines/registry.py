"""Which work a baseline is, and which packages it takes."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from homefeed.evaluation.baselines.job import Job, Outcome
from homefeed.evaluation.baselines.lightgbm_rank import run_lightgbm
from homefeed.evaluation.baselines.logistic import run_logistic
from homefeed.evaluation.baselines.methods import METHODS, run_method
from homefeed.evaluation.baselines.names import BPR, ESASREC, IALS, ITEM_KNN, LIGHTGBM, LOGISTIC, SASREC
from homefeed.evaluation.baselines.transformers import run_transformer

_IMPLICIT, _TRANSFORMERS = ("implicit",), ("rectools", "pandas", "pytorch_lightning")
PACKAGES = {ITEM_KNN: _IMPLICIT, IALS: _IMPLICIT, BPR: _IMPLICIT, SASREC: _TRANSFORMERS, ESASREC: _TRANSFORMERS, LIGHTGBM: ("lightgbm",)}
INSTALL = 'pip install ".[baselines]"'
INSTALL_RECTOOLS = f'{INSTALL} and, for Python before 3.13, pip install --no-deps "rectools==0.19.*"'


def missing(name: str) -> str:
    """How to get what ``name`` lacks; empty where it lacks nothing."""
    lacking = [package for package in PACKAGES.get(name, ()) if find_spec(package) is None]
    if not lacking:
        return ""
    install = INSTALL_RECTOOLS if "rectools" in lacking and sys.version_info < (3, 13) else INSTALL
    return f"not installed: {install}"


def run_baseline(name: str, job: Job) -> Outcome:
    """Tune, fit and ask; ``name`` is none of the simple ones."""
    if name in METHODS:
        return run_method(name, job)
    if name in (SASREC, ESASREC):
        return run_transformer(name, job)
    return run_logistic(job) if name == LOGISTIC else run_lightgbm(job)
