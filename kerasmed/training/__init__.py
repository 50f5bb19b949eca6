"""The only `compile` and the only `fit`, and what happens around them."""
