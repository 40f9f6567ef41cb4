"""Synthetic datasets: rendered images with which the project runs without downloads.

The classes of a synthetic dataset belong to one or more *families*: modules that define classes and
render images of them. An image depends only on the seed of its dataset, the class, the split and
its index, so that a dataset has the same bytes on every run and with any number of processes (with
the same version of Pillow).

    registry.py       names, families, image counts and seeds of the datasets; plain data
    definitions.py    descriptions of a dataset's classes, and the digest that identifies it
    writing.py        writes a dataset to disk in the layout of every other dataset
    camera.py         simulates light, lens, sensor and JPEG compression
    sequences.py      endless sequences of distinct classes
    birds.py, butterflies.py, flowers.py, leaves.py
                      natural families: pose and rendering
    bird_species.py, butterfly_species.py, flower_species.py, leaf_species.py
                      their species: parameters and names
    scenery.py        backgrounds, stalks, perches and leaves for the natural families
    cars.py, aircraft.py, pots.py
                      man-made families: view, colours and rendering
    car_models.py, aircraft_types.py, pot_styles.py
                      their models, types and styles: parameters and names
    surroundings.py   streets, aprons, rooms and occluders for the man-made families
    shapes.py         curves, colours, noise, layers and camera views

`write_dataset(name, folder)` writes `images/<class folder>/<name>.jpg`, `train.txt`, `val.txt` and
`labels.txt`, as every dataset has them, and `domain.json`, by which a later run recognises the
dataset. `render_example(name, label)` renders a single image.

Importing this package loads only the registry; the two functions import numpy and Pillow when they
are first used.
"""

from typing import TYPE_CHECKING, Any

from slim.synthetic.registry import DATASETS, MergedDataset, SyntheticDataset, find_dataset

if TYPE_CHECKING:
    from slim.synthetic.writing import render_example, write_dataset

__all__ = [
    'DATASETS',
    'MergedDataset',
    'SyntheticDataset',
    'find_dataset',
    'render_example',
    'write_dataset',
]


def __getattr__(name: str) -> Any:
    if name not in ('render_example', 'write_dataset'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    import slim.synthetic.writing

    return getattr(slim.synthetic.writing, name)
