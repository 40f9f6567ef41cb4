"""The library behind the scripts at the top of the repository.

Rooms: `datasets` (catalogue, lists, TFRecords, input pipeline), `preprocessing`, `nets`, `learning`
(training, evaluation, extraction, checkpoints), `transfer` (features and what is asked of them;
free of TensorFlow) and `experiments` (all of these, one after the other). `compat` mends tf-slim
for today's TensorFlow, `command_line` is what every script begins with, `errors` is what a user can
mend.

Nothing is imported here, so that a script that only parses its flags does not pay for TensorFlow.
"""
