"""Train our own network on the outputs of larger ones; the plugin never imports this.

``docs/distillation.md`` has the commands, in order, and the measurements.
"""
