"""The commands that change no track."""
