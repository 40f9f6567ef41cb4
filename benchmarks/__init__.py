"""Measurements of speed on the user's own machine. See README.md."""
