"""Embedded datasets: photographs that the project draws itself, so that it runs without downloads.

A *domain* is one dataset, and a row of the table `DOMAINS`. Its classes belong to one or more
*families* of drawings: a module each that says which classes there are and draws any of them. Every
image depends on nothing but the domain's seed, the class, the split and the image's index, so a
dataset is the same bytes on every run, by however many processes (of one version of Pillow).

    domains.py        the table of domains, and the families
    writing.py        a domain on disk, in the layout of every other dataset
    photograph.py     light, lens, sensor, JPEG: a drawn scene becomes a photograph
    sequences.py      the classes of a family, one apart from another
    birds.py, butterflies.py, flowers.py, leaves.py
                      nature-like families: pose and drawing
    bird_species.py, butterfly_species.py, flower_species.py, leaf_species.py
                      which species there are, and their names
    scenery.py        backgrounds, stalks, perches and leaves, for every nature-like family
    cars.py, aircraft.py, pots.py
                      object-like families: view, paint and drawing
    car_models.py, aircraft_types.py, pot_styles.py
                      which models there are, and their names
    surroundings.py   streets, aprons, rooms and posts, for every object-like family
    shapes.py         curves, colours, textures and views

`write_domain(name, folder)` writes `images/<class folder>/<name>.jpg`, `train.txt`, `val.txt` and
`labels.txt`, as every dataset has them, and `domain.json`, which tells a later run what it finds.
`draw_example(name, label)` draws one of its images alone.
"""

from slim.synthetic.registry import DOMAINS, Domain, Union
from slim.synthetic.writing import draw_example, write_domain

__all__ = ['DOMAINS', 'Domain', 'Union', 'draw_example', 'write_domain']
