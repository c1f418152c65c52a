"""Tests of the `tierdesk` command."""
