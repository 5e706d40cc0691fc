"""The best target, precision and number of threads of this machine, found by trying them on the user's own texts."""
