"""Messages in: tickets to match, work of level 0; and the follower that keeps the search index."""
