"""Embedded datasets: photographs that the project draws itself, so that it runs without downloads.

A *domain* is one dataset, and a row of the table `DOMAINS`. Its classes belong to one or more
*families* of drawings: a module each that says which classes there are and draws any of them. Every
image depends on nothing but the domain's seed, the class, the split and the image's index, so a
dataset is the same bytes on every run, by however many processes (of one version of Pillow).

    domains.py        the table of domains, and the families
    writing.py        a domain on disk, in the layout of every other dataset
    photograph.py     light, lens, sensor, JPEG: a drawn scene becomes a photograph
    birds.py          the family of birds: pose and drawing
    flowers.py, butterflies.py, leaves.py
                      the other families of nature
    sequences.py      the classes of a family, one apart from another
    bird_species.py   which birds there are, and their names
    flower_species.py, butterfly_species.py, leaf_species.py
                      the same for the other families
    cars.py           the family of cars: view, paint and drawing
    car_models.py     which cars there are, and their names
    aircraft.py       the family of aircraft: attitude, livery and drawing
    aircraft_types.py which aircraft there are, and their names
    pots.py           the family of pots: view, glazes and drawing
    pot_styles.py     which pots there are, and their names
    scenery.py        backgrounds, stalks, perches and leaves, for every nature-like family
    surroundings.py   streets, aprons, rooms and posts, for every object-like family
    shapes.py         curves, colours, textures and views

`write_domain(name, folder)` writes `images/<class folder>/<name>.jpg`, `train.txt`, `val.txt` and
`labels.txt`, as every dataset has them, and `domain.json`, which tells a later run what it finds.
`draw_example(name, label)` draws one of its images alone.
"""

from slim.datasets.embedded.domains import DOMAINS, Domain, Union
from slim.datasets.embedded.writing import draw_example, write_domain

__all__ = ['DOMAINS', 'Domain', 'Union', 'draw_example', 'write_domain']
