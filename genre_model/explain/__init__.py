"""Why a song got its genre: evidence, text and a picture."""
