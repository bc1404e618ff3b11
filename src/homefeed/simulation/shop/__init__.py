"""The shop simulator: a shop written down as mathematics, whose visitors answer any slate. See docs/simulation.md."""
