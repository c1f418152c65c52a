"""What work on the board is, what its owner may say of it, and who may do what: pure functions."""
