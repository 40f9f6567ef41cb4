"""The classes of a family as one endless sequence, each chosen to stand apart from those before.

Class k is the same whoever asks for it, so disjoint ranges of numbers are disjoint sets of classes.
"""

import dataclasses
import itertools

import numpy as np

CANDIDATES = 3  # the most distinct of so many chance candidates becomes the next class


class Sequence:
    """Called with a range of numbers from 0 up, gives the classes of these numbers as a list.

    Attributes:
        seed: a list of integers; with its number it decides the candidates for a class.
        candidate: `candidate(rng, number)`, a chance class that could be the one of this number: a
            frozen dataclass with a field `name`, which is empty yet.
        distance: `distance(one, other)`, how different two classes look.
        name: `name(chosen, number, taken)`, a name that is not among those taken.
    """

    def __init__(self, seed, candidate, distance, name):
        self.seed, self.candidate, self.distance, self.name = seed, candidate, distance, name
        self._known = []

    def __call__(self, numbers):
        while len(self._known) <= max(numbers, default=-1):
            self._known.append(self._next())
        return [self._known[number] for number in numbers]

    def _next(self):
        number = len(self._known)
        rng = np.random.default_rng([*self.seed, number])
        candidates = [self.candidate(rng, number) for _ in range(CANDIDATES)]
        nearest = [
            min((self.distance(one, other) for other in self._known), default=0)
            for one in candidates
        ]
        chosen = candidates[int(np.argmax(nearest))]
        taken = {one.name for one in self._known}
        return dataclasses.replace(chosen, name=self.name(chosen, number, taken))


def differences(first, second, palette, colours, kinds, sizes):
    """How different two species look: the sum of the weights of the fields they differ in.

    Args:
        first, second: dataclasses with the fields named below.
        palette: sRGB triples by name.
        colours, kinds, sizes: weights by field. A colour, a name in the palette, counts by how far
            apart the two are, a kind in whole, a size (above zero) by the logarithm of its ratio.
    """
    total = 0.0
    for field, weight in colours.items():
        apart = np.subtract(palette[getattr(first, field)], palette[getattr(second, field)])
        total += weight * min(1.0, float(np.hypot.reduce(apart)) / 150)
    for field, weight in kinds.items():
        total += weight * (getattr(first, field) != getattr(second, field))
    for field, weight in sizes.items():
        total += weight * abs(float(np.log(getattr(first, field) / getattr(second, field))))
    return total


def common_name(words, noun, number, taken, turns=None, before=()):
    """A common name nobody has yet: the noun behind as few of its describing words as that takes.

    Args:
        words: a list, the most striking first.
        noun: what the whole genus is called.
        number: of the species; each starts at another of the striking words, for variety.
        taken: a set of names.
        turns: how many words take turns at being the first; by default three, if there are.
        before: words in front of all names, such as who made it.
    """
    first = number % (turns or min(3, len(words)))
    words = words[first:] + words[:first]
    for count in range(1, len(words) + 1):
        for some in itertools.permutations(words, count):
            if (name := ' '.join((*before, *some, noun))) not in taken:
                return name
    raise ValueError(f'every name of a {noun} that is {", ".join(words)} is taken')
