"""People at work: the board of each tier, who claims what, and the console."""
