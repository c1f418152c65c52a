"""One request to a vendor, over a connection to an address that may be connected to."""
