"""From raw logs to processed tables."""
