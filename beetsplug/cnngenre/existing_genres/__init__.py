"""The genres that tracks have: compared with the model's, searched for errors, spelled alike."""
