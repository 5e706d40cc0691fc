"""Structured pruning after training: fewer attention heads and feed-forward neurons, the rest refitted."""
