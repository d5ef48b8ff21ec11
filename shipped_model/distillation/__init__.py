"""Teach a network of ours what larger ones know; the product never imports this.

``docs/distillation.md`` has the commands, in order, and what was measured.
"""
