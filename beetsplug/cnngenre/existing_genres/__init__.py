"""The genres that tracks have: compare them with the model, find errors, unify spellings."""
