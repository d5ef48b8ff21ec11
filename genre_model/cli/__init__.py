"""The command ``genre-model``: one module for each subcommand."""
