"""The code of ``make demo``."""
