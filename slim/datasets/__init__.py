"""Datasets: from archives to lists of image files to batches of images.

``catalogue`` holds the counts of the paper's nine datasets. ``layouts`` reads their archives, and
folders of any other; ``preparation`` makes lists of them, of some classes only by a ``class_list``,
and ``duplicates`` finds images that stand in two lists. ``split_lists`` reads and writes
``train.txt``, ``val.txt`` and ``labels.txt``; ``conversion`` turns them into the TFRecord shards
that ``tfrecord`` writes and parses, and notes in a ``manifest`` beside them what it made;
``dataset`` finds converted shards again and ``input_pipeline`` reads them. ``embedded`` draws
datasets of its own, so that everything runs without a download. ``whole_files`` is how files get
written here: whole or not at all.

Nothing is imported here: only ``tfrecord``, ``input_pipeline`` and what uses them need TensorFlow.
"""
