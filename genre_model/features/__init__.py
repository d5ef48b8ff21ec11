"""Inputs of networks: log-mel spectrograms, SoX's pictures, textures, notes, and their slices."""
