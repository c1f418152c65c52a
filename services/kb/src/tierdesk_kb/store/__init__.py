"""The tables of the knowledge base, and all of its SQL."""
