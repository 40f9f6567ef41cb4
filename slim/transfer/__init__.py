"""Features, and what is asked of them. Nothing in here knows of TensorFlow.

`features` is how they lie on disk.
"""
