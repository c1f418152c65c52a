"""The tables of the watcher, and all of its SQL."""
