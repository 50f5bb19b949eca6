"""Simulated records for demos and tests, written in the real formats."""
