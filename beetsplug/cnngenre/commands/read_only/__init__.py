"""The commands that change nothing."""
