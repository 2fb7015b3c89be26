"""Drain plans and the simulator."""
