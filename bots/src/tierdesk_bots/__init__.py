"""Bots that work the low tiers of a desk: password reset and diagnostics. They know nothing of it but its messages."""
