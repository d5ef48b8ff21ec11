"""Listen to music, say its genre: the engine, which has never heard of beets."""
