"""What came of an experiment: outcomes, figures, tables, Markdown."""
