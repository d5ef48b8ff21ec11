"""Where the audio is in a file of a plain layout, and whether two files have the same."""
