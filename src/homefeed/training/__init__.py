"""From processed tables to checkpoints: three fits of each model, seeded, on tensor slices."""
