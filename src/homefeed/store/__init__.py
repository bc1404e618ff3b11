"""Where lists live online: Redis, Valkey, or the embedded Valkey. Only here are keys spelled and redis imported."""
