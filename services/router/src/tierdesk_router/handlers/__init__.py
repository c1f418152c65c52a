"""Messages in: load, decide, save."""
