"""The endpoints for portals, batches and telephone systems."""
