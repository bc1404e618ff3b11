"""homefeed: an end-to-end recommender for the home page of a shop."""

__version__ = "0.1.0"
