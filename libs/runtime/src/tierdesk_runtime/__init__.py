"""How a service lives: settings, clock, HTTP, keys, logs, metrics, health, drain."""
