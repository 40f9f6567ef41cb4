"""Datasets: from lists of JPEG files to batches of images.

``catalogue`` holds the counts of the paper's nine datasets. ``split_lists`` reads and writes
``train.txt``, ``val.txt`` and ``labels.txt``; ``conversion`` turns them into TFRecord shards, each
a task of ``shards`` that ``workers`` share out: ``images`` decides what of a file is stored,
``tfrecord`` writes it, ``problems`` reports what cannot be used, and a ``manifest`` says what was
made. ``dataset`` finds converted shards again and ``input_pipeline`` reads them. ``embedded`` draws
datasets of its own, so that everything runs without a download. ``whole_files`` is how files get
written here: whole or not at all.

Nothing is imported here: only ``input_pipeline`` and what uses it need TensorFlow.
"""
