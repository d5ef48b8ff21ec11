"""What all other packages use: errors, settings, files, text, time limits."""
