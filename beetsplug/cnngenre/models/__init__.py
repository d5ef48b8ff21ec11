"""The available models, which of them is in use, and whether a new one replaces it."""
