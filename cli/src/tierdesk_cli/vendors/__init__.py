"""Vendors' access to the bus: what each is to have, what the broker has, and how the one becomes the other."""
