"""From the bytes of a JPEG to the input of a network: a module per preprocessing, and a factory.

A module consists of pure functions: the box of pixels to read, in training and in evaluation, what
to do with these pixels, and the crops of an evaluation on 12 crops. The factory adds the decoder.
"""
