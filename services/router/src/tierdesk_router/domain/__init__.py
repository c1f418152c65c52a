"""What the router decides, as pure functions of state, message, policy and time."""
