"""Features, and what is asked of them. Nothing in here knows of TensorFlow.

On disk: `features` writes the features of images; `domains` reads them, and the class features that
`class_means` takes from them.

Which source is like a target: `emd` solves the transport problem, `domain_similarity` is the
paper's measure, `measures` the table of it and others, `source_selection` picks source classes.
Were they right: `correlations` with the accuracy, and `transfer_picture`.

How well features serve: `linear_classifier`, `neighbours`.

To be looked at: `listed_images`, the images behind features; `image_pictures` and `class_pictures`,
photographs beside each other; `heat_maps`, `confusion_picture`, `feature_map`, `transfer_picture`.
"""
