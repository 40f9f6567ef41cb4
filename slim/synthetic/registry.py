"""The table of embedded domains: one row a dataset, one module a family of drawings."""

import dataclasses
import hashlib
import json
import types

import numpy as np

from slim.errors import UserError, nearest
from slim.synthetic import aircraft, birds, butterflies, cars, flowers, leaves, photograph, pots

# A family is a module with
#   species(numbers)                     its classes: frozen dataclasses with a unique `name`,
#   draw(species, rng, width, height)    a sharp RGB image of one of them,
#   REVISION                             raised whenever the same class is drawn differently.
FAMILIES = types.MappingProxyType(
    {
        'birds': birds,
        'butterflies': butterflies,
        'flowers': flowers,
        'leaves': leaves,
        'cars': cars,
        'aircraft': aircraft,
        'pots': pots,
    }
)


@dataclasses.dataclass(frozen=True)
class DrawnClass:
    """One class of a domain: all that decides its photographs.

    Attributes:
        family: a key of `FAMILIES`.
        species: the class as its family describes it.
        seed: of the domain that draws it, and its label there. With the number of the split and the
            image's index they are what an image is drawn from.
        counts: images by split, 'train' and 'val'.
    """

    family: str
    species: object
    seed: tuple[int, int]
    counts: dict[str, int]

    @property
    def name(self):
        return self.species.name


@dataclasses.dataclass(frozen=True)
class Domain:
    """One embedded dataset.

    Attributes:
        families: keys of `FAMILIES`; each gives as many classes as the others.
        first_class: number in its family of the first class of each; the others follow it.
            Domains of one family that must not share classes take ranges that do not overlap.
        num_classes: how many classes, those of the first family first.
        train_images: training images of the most and of the least frequent class; the others lie
            evenly between, in chance order.
        val_images: validation images of each class.
        seed: what the images are drawn from, with the label, the split and the image's index.
        description: one line for people.
    """

    families: tuple[str, ...]
    first_class: int
    num_classes: int
    train_images: tuple[int, int]
    val_images: int
    seed: int
    description: str

    def classes(self):
        """A `DrawnClass` for each label, in their order."""
        each = self.num_classes // len(self.families)
        numbers = range(self.first_class, self.first_class + each)
        drawn = [(name, one) for name in self.families for one in FAMILIES[name].species(numbers)]
        even = np.linspace(*self.train_images, self.num_classes).round().astype(int)
        train = np.random.default_rng([self.seed, self.num_classes]).permutation(even).tolist()
        return [
            DrawnClass(
                family, one, (self.seed, label), {'train': train[label], 'val': self.val_images}
            )
            for label, (family, one) in enumerate(drawn)
        ]

    def definition(self):
        """A digest of all that decides the pictures: another digest, other pictures."""
        return _digest(self.classes())


@dataclasses.dataclass(frozen=True)
class Union:
    """Several embedded datasets as one: the same photographs, the labels of each behind the last's.

    Attributes:
        of: keys of `DOMAINS`.
        description: one line for people.
    """

    of: tuple[str, ...]
    description: str

    @property
    def families(self):
        return tuple(dict.fromkeys(one.family for one in self.classes()))

    @property
    def num_classes(self):
        return len(self.classes())

    def classes(self):
        """A `DrawnClass` for each label, in their order."""
        return [one for name in self.of for one in DOMAINS[name].classes()]

    def definition(self):
        """As of `Domain`."""
        return _digest(self.classes())


def _digest(classes):
    revisions = {one.family: FAMILIES[one.family].REVISION for one in classes}
    drawn = [dataclasses.asdict(one) for one in classes]
    text = json.dumps([drawn, revisions, photograph.REVISION], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _mini_source(families, seed, description):
    return Domain(
        families=families,
        first_class=12,
        num_classes=36,
        train_images=(60, 60),
        val_images=5,
        seed=seed,
        description=f'36 classes: {description}; a source of the transfer experiment',
    )


def _mini_target(family, seed):
    """Of the sources' families, but of other classes. More training images than a feature of the
    experiment's networks is wide, 512, without which the H-score says nothing."""
    return Domain(
        families=(family,),
        first_class=0,
        num_classes=12,
        train_images=(60, 60),
        val_images=40,
        seed=seed,
        description=f'12 classes of {family}; a target of the transfer experiment',
    )


DOMAINS = {
    'demo': Domain(
        families=('birds',),
        first_class=0,
        num_classes=12,
        train_images=(100, 50),
        val_images=40,
        seed=1806,
        description='12 species of birds, mildly long-tailed: what the demonstration learns',
    ),
    'demo_source': Domain(
        families=('birds',),
        first_class=12,
        num_classes=24,
        train_images=(80, 80),
        val_images=15,
        seed=6193,
        description='24 other species of birds: what the demonstration is pre-trained on',
    ),
    'mini_nature': _mini_source(
        ('birds', 'flowers', 'butterflies'), 2018, '12 each of birds, flowers and butterflies'
    ),
    'mini_objects': _mini_source(
        ('cars', 'aircraft', 'pots'), 2019, '12 each of cars, aircraft and pots'
    ),
    'mini_nature_objects': Union(
        of=('mini_nature', 'mini_objects'),
        description='both sources of the transfer experiment as one: 72 classes',
    ),
    'mini_birds': _mini_target('birds', 2101),
    'mini_flowers': _mini_target('flowers', 2102),
    'mini_butterflies': _mini_target('butterflies', 2103),
    'mini_leaves': _mini_target('leaves', 2104),
    'mini_cars': _mini_target('cars', 2105),
    'mini_aircraft': _mini_target('aircraft', 2106),
    'mini_pots': _mini_target('pots', 2107),
}


def find_domain(name):
    """The row of the domain; an unknown name is a `UserError` that offers the nearest ones."""
    if name not in DOMAINS:
        raise UserError(f'there is no embedded dataset {name!r}{nearest(name, sorted(DOMAINS))}')
    return DOMAINS[name]
