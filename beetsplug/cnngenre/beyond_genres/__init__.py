"""What else the shipped network says of a track: moods, and which tracks sound alike."""
