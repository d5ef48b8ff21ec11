"""The results of an experiment: outcomes, figures, tables, Markdown."""
