"""Other uses of the shipped network: moods, and tracks that sound alike."""
