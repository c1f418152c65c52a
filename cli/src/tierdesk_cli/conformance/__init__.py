"""A desk played for a vendor's own consumer, on a test broker, to see whether it keeps the protocol."""
