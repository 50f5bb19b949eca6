"""Searches over settings: an oracle, the trials that it asks for, and the report of a study."""
