"""From a network function and batches of images to checkpoints, figures and features.

`model` gives a tf-slim network its variables; `precision` says what it computes in. `losses`,
`optimizers` and `schedules` are the rules of training, `train_step` makes an update of them,
`training` is the loop around it. `evaluation`, of the networks of an `ensemble`, and `extraction`
use what was learnt; `feature_sources` gives the features, from a checkpoint or a SavedModel, and
`export` makes the one of the other. `checkpoints` reads and writes, `scopes` says which variables a
flag means, `inspection` what a checkpoint holds. `summaries` is what TensorBoard shows, `devices`
says what all of this runs on.
"""
