"""From a JPEG's bytes to what a network takes: one file per style, and the factory that names them.

A style is three pure functions: which window of the photograph to look at, in training and in
evaluation, and what to do with its pixels. The factory joins them with the decoder.
"""
