"""What an article is, how well one fits a ticket, and how self-service works: pure functions."""
