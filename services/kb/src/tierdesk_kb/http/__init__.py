"""Requests in: writing articles, finding them."""
