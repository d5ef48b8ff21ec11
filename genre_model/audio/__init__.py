"""Decode audio files safely into mono samples, and fingerprint them."""
