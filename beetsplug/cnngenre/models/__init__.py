"""The models that there are, which of them is in use, and whether a new one takes its place."""
