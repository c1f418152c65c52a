"""The tables of the desk, and all of its SQL."""
