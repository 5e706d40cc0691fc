"""Precisions below 32-bit floats: what a graph is converted to, and how far down it can go."""
