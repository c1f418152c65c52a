"""Messages in: the work of the groups in house, tickets and policies."""
