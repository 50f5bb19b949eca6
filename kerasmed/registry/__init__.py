"""Saved models: which there are, whether they are what they were, and the end of those that are not needed."""
