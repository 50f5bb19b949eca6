"""One file format, one module; every fault of a file becomes one `DataError`."""
