"""From a page of ECG paper to its leads: grid, rows, traces, millivolts."""
