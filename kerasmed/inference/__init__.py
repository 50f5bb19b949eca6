"""A model plus files -> predictions, by the same examples as training."""
