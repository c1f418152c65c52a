"""What a clock is, as pure functions of the events of a ticket and of the policy that it was opened under."""
