"""Whole experiments: what the other rooms do, one step after the other, with what it came to.

`transfer` is the paper's claim in miniature, `side_by_side` runs its trainings. The notebooks look
at what `demo_features`, `demo_domains` and `class_images` find; `notebooks` executes them, and
`published_similarity` has the values of 2018.
"""
