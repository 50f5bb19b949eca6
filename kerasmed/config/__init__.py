"""Runs as data. Imports pydantic and yaml only."""
