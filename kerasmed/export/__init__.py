"""The model elsewhere: one file per format, with proof of parity."""
