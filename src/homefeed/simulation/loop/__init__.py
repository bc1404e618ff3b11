"""Closed loops: day after day, policies learn from what they showed themselves, all before the same visitors."""
