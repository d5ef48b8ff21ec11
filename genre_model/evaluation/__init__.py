"""How good a model is: metrics, reports, label errors, and which tracks to review first."""
