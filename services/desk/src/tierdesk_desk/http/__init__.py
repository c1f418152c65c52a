"""Requests in: the board, the work on a ticket, accounts."""
