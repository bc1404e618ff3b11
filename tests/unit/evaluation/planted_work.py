"""Work for a child process: modules of tests that a fresh process can import."""

from __future__ import annotations

import os
import time

from homefeed.evaluation.baselines.job import Job, Outcome


def answers(name: str, job: Job) -> Outcome:
    return Outcome(f"{name} {job.seed}")


def sleeps(name: str, job: Job) -> Outcome:
    time.sleep(600)
    return Outcome("too late")


def dies(name: str, job: Job) -> Outcome:
    os._exit(3)
