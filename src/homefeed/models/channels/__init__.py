"""Channels: ways to tell which items a user may want. Each scores every item for a block of users; the blend weighs them."""
