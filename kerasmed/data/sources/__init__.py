"""One database, one module: a dataset config -> `Dataset`."""
