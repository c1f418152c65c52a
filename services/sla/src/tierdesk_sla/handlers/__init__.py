"""Messages in: what happened to tickets; and the watcher, which speaks when something falls due."""
