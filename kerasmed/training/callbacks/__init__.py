"""One callback, one file. At the end of an epoch they run in the order in which `fit` lists them."""
