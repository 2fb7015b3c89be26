"""The tests, a file for each promise."""
