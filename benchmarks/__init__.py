"""What the plugin costs; docs/performance.md has the tables."""
