"""From tracks to verdicts: the model, its context, labels, label errors, explanations."""
