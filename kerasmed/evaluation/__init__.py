"""How good a model is, and on whom. numpy and scikit-learn only."""
