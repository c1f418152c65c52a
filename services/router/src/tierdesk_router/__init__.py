"""Tickets, triage, lifecycle, assignments, escalation."""
