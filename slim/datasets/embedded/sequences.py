"""The classes of a family as one endless sequence, each chosen to stand apart from those before.

Class k is the same whoever asks for it, so disjoint ranges of numbers are disjoint sets of classes.
"""

import dataclasses

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
