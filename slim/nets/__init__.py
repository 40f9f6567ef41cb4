"""The networks, of tf-slim layers: each builds in a TF1 graph and through the TF2 runtime.

`nets_factory` holds the one registry: a row says all that the scripts need to know of a network. A
network is a file of its own; `dropout` is the one layer that tf-slim's own cannot stand in for.
"""
