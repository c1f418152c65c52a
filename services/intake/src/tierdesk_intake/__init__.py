"""The door: checks events, mints tickets, answers after commit."""
