"""Plan changes to a track's genres, carry them out, keep a journal, and undo them."""
