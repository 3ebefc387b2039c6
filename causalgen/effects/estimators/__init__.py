"""Estimators of an effect, each behind DoWhy's estimator interface, and their catalog."""
