"""Library of the scripts at the top of the repository.

Packages: `datasets` (catalogue, lists, TFRecords, input pipeline), `synthetic` (rendered images),
`preprocessing`, `nets`, `learning` (training, evaluation, extraction, checkpoints), `features`
(feature files and class means), `transfer` (mathematics of domain similarity and linear
classification, without TensorFlow), `plots` and `experiments` (everything combined). Modules:
`configs` holds all defaults, `command_line` the flags of scripts, `compat` patches tf-slim for
today's TensorFlow, `files`, `tables`, `validation` and `errors` are used by all packages.

Nothing is imported here, so that a script that only parses flags does not import TensorFlow.
"""
