"""Networks of tf-slim layers, which build in a TF1 graph and in the TF2 runtime.

`nets_factory` holds the registry: its rows contain all that the scripts need to know of a network.
Each network has a module of its own. `dropout` replaces the one layer of tf-slim that could not
resume exactly.
"""
