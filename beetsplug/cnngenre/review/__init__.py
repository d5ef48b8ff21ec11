"""Ask the user about unsure tracks, in the terminal or on a page, and take decisions back."""
