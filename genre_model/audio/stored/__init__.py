"""Find the audio in files with a plain layout, and compare the audio of two files."""
