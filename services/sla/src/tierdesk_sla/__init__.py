"""Clocks in business time; warnings and breaches."""
