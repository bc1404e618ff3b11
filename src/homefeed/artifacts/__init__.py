"""What stages hand each other on disk. Only here are file names known."""
