"""A shop with known tastes: it makes logs, and it knows how good a slate truly is."""
