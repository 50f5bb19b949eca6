"""From files to batches: readers, sources, examples, prepared sets, loaders. Knows no backend."""
