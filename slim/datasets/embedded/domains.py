"""The table of embedded domains: one row a dataset, one module a family of drawings."""

import dataclasses
import hashlib
import json
import types

import numpy as np

from slim.datasets.embedded import birds, photograph
from slim.errors import UserError, nearest

# A family is a module with
#   species(numbers)                     its classes: frozen dataclasses with a unique `name`,
#   draw(species, rng, width, height)    a sharp RGB image of one of them,
#   REVISION                             raised whenever the same class is drawn differently.
FAMILIES = types.MappingProxyType({'birds': birds})


@dataclasses.dataclass(frozen=True)
class Domain:
    """One embedded dataset.

    Attributes:
        family: a key of `FAMILIES`.
        first_class: number in the family of the class that gets label 0; the others follow it.
            Domains of one family that must not share classes take ranges that do not overlap.
        num_classes: how many classes.
        train_images: training images of the most and of the least frequent class; the others lie
            evenly between, in chance order.
        val_images: validation images of each class.
        seed: what the images are drawn from, with the label, the split and the image's index.
        description: one line for people.
    """

    family: str
    first_class: int
    num_classes: int
    train_images: tuple[int, int]
    val_images: int
    seed: int
    description: str

    def species(self):
        """The classes in the order of their labels, as the family describes them."""
        numbers = range(self.first_class, self.first_class + self.num_classes)
        return FAMILIES[self.family].species(numbers)

    def counts(self, split):
        """Images of each class in the split 'train' or 'val', a list of `num_classes` numbers."""
        if split == 'val':
            return [self.val_images] * self.num_classes
        even = np.linspace(*self.train_images, self.num_classes).round().astype(int)
        return np.random.default_rng([self.seed, self.num_classes]).permutation(even).tolist()

    def definition(self):
        """A digest of all that decides the pictures: another digest, other pictures."""
        row = dataclasses.asdict(self)
        del row['description']
        row['species'] = [dataclasses.asdict(one) for one in self.species()]
        row['revisions'] = [FAMILIES[self.family].REVISION, photograph.REVISION]
        return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


DOMAINS = {
    'demo': Domain(
        family='birds',
        first_class=0,
        num_classes=12,
        train_images=(100, 50),
        val_images=40,
        seed=1806,
        description='12 species of birds, mildly long-tailed: what the demonstration learns',
    ),
    'demo_source': Domain(
        family='birds',
        first_class=12,
        num_classes=24,
        train_images=(80, 80),
        val_images=15,
        seed=6193,
        description='24 other species of birds: what the demonstration is pre-trained on',
    ),
}


def find_domain(name):
    """The row of the domain; an unknown name is a `UserError` that offers the nearest ones."""
    if name not in DOMAINS:
        raise UserError(f'there is no embedded dataset {name!r}{nearest(name, sorted(DOMAINS))}')
    return DOMAINS[name]
