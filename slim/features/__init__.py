"""Features on disk: arrays of images, class means, domains, and the images they come from.

    storage.py        feature files that are written row by row and can be resumed
    class_means.py    mean feature of each class, in one pass over files larger than memory
    domains.py        classes with their means and weights: reading, writing, merging, selecting
    source_images.py  paths of the images that features were computed from, names of their classes

Used by learning and transfer; imports neither of them, and no TensorFlow.
"""
