"""What a GPU makes of the bundles, against torch in half precision and against what its hardware could do."""
