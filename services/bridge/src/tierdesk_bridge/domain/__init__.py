"""When something is sent again, where to, and what an answer means. Pure."""
