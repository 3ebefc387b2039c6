"""Estimators of an effect, each with DoWhy's estimator interface, and their catalog."""
