"""One suite for both adapters of the bus."""
