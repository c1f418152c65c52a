"""Intake's tables, and all that reads and writes them."""
