"""What networks take: log-mel spectrograms, SoX' pictures, textures, notes, and slices of them."""
