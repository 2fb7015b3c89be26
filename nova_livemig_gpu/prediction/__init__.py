"""Dirty curves and what they predict. Pure functions of values."""
