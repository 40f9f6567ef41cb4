"""Figures for notebooks and scripts: everything that draws.

Functions called `draw_*` return a matplotlib `Figure`; they do not use pyplot, hence have no state.
`image_grids.show` displays one in a notebook, `image_grids.write_png` writes one to a file.

- `image_grids`: nearest neighbours, pairs and rows of classes, as grids of images
- `heat_maps`: matrices as colours, a confusion matrix among them
- `tsne`: map of features; `transfer_scatter`: similarity and transfer accuracy
"""
