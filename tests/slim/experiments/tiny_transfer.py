"""Runs the miniature experiment on datasets of a few images:

python tiny_transfer.py <folder> <field of MiniatureConfig>=<integer> ...
"""

import logging
import os
import sys

from slim import configs
from slim.experiments import miniature
from slim.synthetic import DATASETS, MergedDataset, SyntheticDataset

SOURCES, TARGETS = ('tiny_one', 'tiny_other'), ('tiny_target', 'tiny_second_target')
UNION = 'tiny_both'


def tiny(first_class, seed):
    return SyntheticDataset(('birds',), first_class, 3, (6, 4), 4, seed, 'a few birds')


def main(folder, *fields):
    for number, name in enumerate((*SOURCES, *TARGETS)):
        DATASETS[name] = tiny(3 * number, number)
    DATASETS[UNION] = MergedDataset(SOURCES, 'a few more birds')
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    given = {'num_steps': 2, **{key: int(value) for key, value in (f.split('=') for f in fields)}}
    settings = configs.MiniatureConfig(
        SOURCES,
        UNION,
        TARGETS,
        batch_size=4,
        image_size=75,
        num_shards=2,
        **given,
    )
    names = ('data', 'checkpoints', 'features', 'results')
    miniature.run(settings, miniature.Folders(*(os.path.join(folder, name) for name in names)))


if __name__ == '__main__':
    main(*sys.argv[1:])
