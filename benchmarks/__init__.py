"""Speed, measured fairly: every engine in its own process, rounds interleaved, raw times kept as JSON."""
