"""Datasets: from archives to lists of image files to batches of images.

``catalogue`` holds the counts of the paper's nine datasets. ``downloads`` fetches their archives by
``transfers`` and unpacks them by ``archives``; ``layouts`` reads them, and folders of any other;
``preparation`` makes lists of them, of some classes only by a ``class_list``, and ``duplicates``
finds images that stand in two lists.

``split_lists`` reads and writes ``train.txt``, ``val.txt`` and ``labels.txt``; ``conversion`` turns
them into TFRecord shards, each a task of ``shards``: ``images`` decides what of a file is stored,
``tfrecord`` writes it, ``problems`` reports what cannot be used, and a ``manifest`` says what was
made. ``dataset`` finds converted shards again and ``input_pipeline`` reads them.

``embedded`` draws datasets of its own, so that everything runs without a download. ``whole_files``
is how files get written here, whole or not at all; ``workers`` are the processes that share out
long work.

Nothing is imported here: only ``input_pipeline`` and what uses it need TensorFlow.
"""
