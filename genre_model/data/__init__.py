"""Labelled tracks: where they are read from, their labels, artists, play history and folds."""
