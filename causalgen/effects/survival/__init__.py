"""Outcomes with censoring: times until an event that some rows do not reach under observation."""
