"""The results as a page of HTML, and as the pictures of the READMEs: `python -m benchmarks.page`."""
