"""Training, evaluation and feature extraction, with the checkpoints that connect them.

`model` holds a tf-slim network with its variables, `precision` the types that its layers compute
in. `losses`, `optimizers` and `schedules` are the rules of training, `train_step` combines them
into one training step, and `training` is the loop around it, with its `loop_helpers`.
`evaluation` evaluates checkpoints or an `ensemble` of them, and `extraction` writes the features
that `feature_sources` computes with a checkpoint or a SavedModel. `export` turns a checkpoint into
a SavedModel, `inspection` describes one. `checkpoints` reads and writes them, `scopes` selects
variables by name, `summaries` writes TensorBoard's event files, `devices` sets up CPUs and GPUs.
"""
