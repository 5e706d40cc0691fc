"""Training heads on all-MiniLM-L6-v2: the two that this project ships, and those that its benchmarks measure."""
