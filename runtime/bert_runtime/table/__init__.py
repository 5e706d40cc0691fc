"""Answers as columns of tables: their kinds, and their arrays in Arrow."""
