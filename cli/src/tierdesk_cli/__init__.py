"""The tierdesk command."""
