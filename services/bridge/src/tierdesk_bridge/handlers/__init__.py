"""What the desk tells vendors, taken from their queues and delivered."""
