"""Train a network from scratch: stored slices, the loop, checkpoints, the bundle."""
