"""Fetching what telephone systems have recorded."""
