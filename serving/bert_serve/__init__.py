"""Bundles over HTTP: the tasks' own JSON, the Open Inference Protocol, and what clients of embeddings expect."""
