"""Which backend for which model on this machine: training and inference measured side by side, in turns."""
