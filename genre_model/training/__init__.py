"""Train models: a head on embeddings, networks from scratch, and the paper's experiments."""
