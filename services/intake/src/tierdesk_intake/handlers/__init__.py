"""The messages that intake follows."""
