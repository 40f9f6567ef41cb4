"""Datasets: archives are downloaded, listed, converted to TFRecord shards and read in batches.

``catalogue`` holds the counts of the paper's nine datasets. ``downloads`` fetches their archives
with ``http_download`` and unpacks them with ``archives``; ``layouts`` reads them, and folders of
any other images; ``preparation`` makes lists of them, restricted to some classes by a
``class_list``, and ``duplicates`` finds images that are in two lists.

``split_lists`` reads and writes ``train.txt``, ``val.txt`` and ``labels.txt``. ``planning`` checks
them and assigns their images to shards, and ``conversion`` builds these in ``workers``, processes
in parallel: for each of the ``shards``, ``images`` decides what of a file is stored and
``tfrecord`` writes it, ``problems`` reports everything that cannot be used, and a ``manifest``
describes the result. ``dataset`` finds converted shards again, ``input_pipeline`` reads them, and
``subset`` limits the number of images per class.

Nothing is imported here: only ``input_pipeline`` and its users need TensorFlow.
"""
