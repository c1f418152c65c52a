"""Articles, search, matches for tickets, the self-service tier."""
