"""The yardstick: seconds, memory and latency of every step, as the processes that a shop runs. ``python -m benchmarks``."""
