"""Business time against two oracles that know nothing of its arithmetic: `make prove`."""
