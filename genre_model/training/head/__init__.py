"""The default training: a linear head on embeddings, cross-validated, with its report."""
