"""`tierdesk kb evaluate`: how well the search finds, on questions that people have judged."""
