"""Generates the classes of a family as an endless sequence of distinct classes.

Class k does not depend on which classes are asked for, so disjoint ranges of numbers are disjoint
sets of classes.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

CANDIDATES = 3  # number of random candidates, of which the most distinct becomes the next class


class ClassSequence:
    """Returns, when called with class numbers from 0 up, the classes of these numbers as a list.

    Attributes:
      seed: list of integers that, with its number, seeds the candidates for a class.
      candidate: function `candidate(rng, number)` that returns a random candidate for the class of
        this number: a frozen dataclass whose field `name` is still empty.
      distance: function `distance(first, second)` that returns the visual difference of classes.
      name: function `name(chosen, number, taken)` that returns a name which is not in `taken`.
    """

    def __init__(
        self,
        seed: list[int],
        candidate: Callable[[Generator, int], Any],
        distance: Callable[[Any, Any], float],
        name: Callable[[Any, int, set[str]], str],
    ) -> None:
        self.seed, self.candidate, self.distance, self.name = seed, candidate, distance, name
        self._known: list[Any] = []

    def __call__(self, numbers: Iterable[int]) -> list[Any]:
        numbers = list(numbers)
        while len(self._known) <= max(numbers, default=-1):
            self._known.append(self._next())
        return [self._known[number] for number in numbers]

    def _next(self) -> Any:
        number = len(self._known)
        rng = np.random.default_rng([*self.seed, number])
        candidates = [self.candidate(rng, number) for _ in range(CANDIDATES)]
        nearest = [
            min((self.distance(candidate, known) for known in self._known), default=0)
            for candidate in candidates
        ]
        chosen = candidates[int(np.argmax(nearest))]
        taken = {known.name for known in self._known}
        return dataclasses.replace(chosen, name=self.name(chosen, number, taken))


def jittered_sizes(
    rng: Generator, fields: Sequence[str], sizes: Sequence[float], amount: float | Sequence[float]
) -> dict[str, float]:
    """Returns the sizes by field, each multiplied by exp(normal(0, amount)) and rounded."""
    jittered = np.asarray(sizes) * np.exp(rng.normal(0, amount, size=len(sizes)))
    return {field: round(float(size), 4) for field, size in zip(fields, jittered, strict=True)}


def other_colour(rng: Generator, colours: Sequence[str], excluded: str) -> str:
    """Returns a random colour other than `excluded`."""
    return str(rng.choice([colour for colour in colours if colour != excluded]))


def differences(
    first: Any,
    second: Any,
    palette: Mapping[str, Sequence[float]],
    colours: Mapping[str, float],
    kinds: Mapping[str, float],
    sizes: Mapping[str, float],
) -> float:
    """Returns the visual difference of two classes: a weighted sum over their fields.

    Args:
      first: dataclass with the fields named below.
      second: dataclass of the same type.
      palette: sRGB triples by name.
      colours: weights of fields that name a colour of the palette; a field counts by the distance
        of the two colours, in full from 150 on.
      kinds: weights of fields that count in full if they differ.
      sizes: weights of fields above zero that count by the absolute logarithm of their ratio.
    """
    total = 0.0
    for field, weight in colours.items():
        offset = np.subtract(palette[getattr(first, field)], palette[getattr(second, field)])
        total += weight * min(1.0, float(np.hypot.reduce(offset)) / 150)
    for field, weight in kinds.items():
        total += weight * (getattr(first, field) != getattr(second, field))
    for field, weight in sizes.items():
        total += weight * abs(float(np.log(getattr(first, field) / getattr(second, field))))
    return total


def common_name(
    words: Sequence[str],
    noun: str,
    number: int,
    taken: set[str],
    turns: int | None = None,
    before: Sequence[str] = (),
) -> str:
    """Returns a name that is not taken: the noun after as few describing words as possible.

    Args:
      words: describing words, the most striking first.
      noun: name of the whole genus.
      number: number of the class; consecutive classes start at different striking words.
      taken: names of the classes before.
      turns: number of words that take turns at being the first; None for three, if there are
        as many.
      before: words in front of every name, such as the maker.

    Raises:
      ValueError: if every combination of the words is taken.
    """
    first = number % (turns or min(3, len(words)))
    words = [*words[first:], *words[:first]]
    for count in range(1, len(words) + 1):
        for chosen in itertools.permutations(words, count):
            if (name := ' '.join((*before, *chosen, noun))) not in taken:
                return name
    raise ValueError(f'every name of a {noun} that is {", ".join(words)} is taken')
