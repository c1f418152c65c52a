"""Requests in: what a ticket's clocks say, and how promises were kept."""
