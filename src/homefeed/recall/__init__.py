"""From models to candidates: vectors, merged lists, and the release that publishes them."""
