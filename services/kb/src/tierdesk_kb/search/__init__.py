"""The search index: what is found by which words. It holds nothing that PostgreSQL does not hold."""
