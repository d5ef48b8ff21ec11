"""Reports as a page, with charts, and as sentences for a terminal."""
