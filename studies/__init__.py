"""How good the answers are; docs/measurements.md, training.md and encodings.md have the tables."""
