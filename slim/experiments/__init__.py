"""Whole experiments: what the other rooms do, one step after the other, with what it came to."""
