"""From a network function and batches of images to checkpoints, figures and features.

`model` gives a tf-slim network its variables. `losses`, `optimizers` and `schedules` are the rules
of training, `train_step` makes an update of them, `training` is the loop around it. `evaluation`,
of the networks of an `ensemble`, and `extraction` use what was learnt. `checkpoints` reads and
writes, `summaries` is what TensorBoard shows, `devices` says what all of this runs on.
"""
