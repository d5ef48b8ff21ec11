"""Decide what becomes of a track's genres, do it, keep a journal, take it back."""
