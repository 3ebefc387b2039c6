"""Attacks that run by command, each with a short form in the default tests."""
