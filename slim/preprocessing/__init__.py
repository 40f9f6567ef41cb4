"""From a JPEG's bytes to what a network takes: one file per style, and the factory that names them.

A style is pure functions: which window of the photograph to look at, in training and in evaluation,
what to do with its pixels, and the same for the windows of an evaluation on 12 crops. The factory
joins them with the decoder.
"""
