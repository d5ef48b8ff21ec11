"""What everything stands on: errors, settings, files, text, time limits."""
