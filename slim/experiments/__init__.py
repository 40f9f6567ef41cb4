"""The miniature experiment, and the data of the notebooks.

`miniature` is the paper's claim in miniature; `subprocesses` runs its trainings. `notebook_data`
and `class_images` find what the notebooks analyse, `published` has the original results, and
`notebooks` executes the notebooks.
"""
