"""From tracks to verdicts: the model, the context of artist and album, labels, explanations."""
