"""Renders leaves: a leaf or a spray of leaves of a given species, in close-up.

Species differ only in their parameters (`leaf_species.py`). Number, pose, size and position of the
leaves, light, wear, occlusion and the individual's deviation in colour are random.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.leaf_species import PALETTE, LeafSpecies, species
from slim.synthetic.scenery import (
    BROWNS,
    GREENS,
    background,
    draw_leaves,
    draw_stalk,
    occlude_with_leaves,
    shading,
)
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    Colours,
    blend,
    choose,
    circle,
    composite,
    draw_path,
    fill_disc,
    fill_polygon,
    jitter,
    rectangle,
    rotate,
    sample_palette,
    transparent_layer,
)

REVISION = 1  # to be raised whenever the same species is rendered differently
__all__ = ['REVISION', 'render', 'species']

TOOTH = {'entire': 0.0, 'scalloped': 0.05, 'toothed': 0.09, 'spiny': 0.2}


@dataclasses.dataclass(frozen=True)
class _Blade:
    """Leaf blade as a bent unit rectangle (0..1, -1..1), with its foot at the origin.

    Attributes:
      place: function that bends points [n, 2] of the unit rectangle to a blade of length 1 along x.
      outline: outline [n, 2] of the blade in the unit rectangle.
      inner: outline of the blade without its coloured edge.
      veins: lines in the unit rectangle, the midrib first.
    """

    place: Callable[[np.ndarray], np.ndarray]
    outline: np.ndarray
    inner: np.ndarray
    veins: list[np.ndarray]


def _teeth(leaf: LeafSpecies, along: np.ndarray) -> np.ndarray:
    """Returns the depth of the margin, 0 (tip of a tooth) to 1, at positions counted in teeth."""
    phase = along % 1
    if leaf.margin == 'scalloped':
        return 1 - np.sin(np.pi * phase)
    if leaf.margin == 'spiny':
        return np.sqrt(np.sin(np.pi * phase))
    return phase


def _feathered(leaf: LeafSpecies) -> _Blade:
    """Returns a blade with a midrib and veins on both sides."""
    sharp = {'pointed': 1.0, 'blunt': 0.5, 'tailed': 1.7}[leaf.end]
    grid = np.linspace(0, 1, 97)
    # The half width has its maximum at `widest`; `sharp` is the exponent of the tip.
    swell = sharp * leaf.widest / (1 - leaf.widest)
    half = grid**swell * (1 - grid) ** sharp
    half *= leaf.width / half.max()
    if leaf.lobes:
        waves = 0.5 + 0.5 * np.cos(2 * np.pi * (leaf.lobes + 0.5) * grid + np.pi)
        half *= 1 - min(leaf.depth, 0.75) * (1 - waves**0.7) * np.clip(2.6 * (1 - grid), 0, 1)
    size = TOOTH[leaf.margin] * (1.0 if leaf.margin == 'spiny' else 0.55)
    half *= 1 - 2 * size * _teeth(leaf, grid * (8 if leaf.margin == 'spiny' else 14))

    def place(points: np.ndarray) -> np.ndarray:
        x, across = points[:, 0], points[:, 1]
        forward = 0.22 * leaf.width * np.abs(across) * (1 - x)
        y = across * np.interp(x, grid, half)
        return np.stack([x + forward, y], axis=1)

    def margin(across: float) -> np.ndarray:
        side = np.stack([grid, np.full_like(grid, across)], axis=1)
        return np.concatenate([side, side[::-1] * (1, -1)])

    count = leaf.lobes if leaf.lobes else leaf.veins
    starts = (np.arange(count) + 0.55) / (count + 0.6)
    sides = [np.array([[x, 0], [x + 0.05, side * 0.93]]) for x in starts for side in (-1, 1)]
    return _Blade(place, margin(1.0), margin(0.72), [np.array([[0, 0], [0.97, 0]]), *sides])


def _palmate(leaf: LeafSpecies) -> _Blade:
    """Returns a blade whose lobes and veins start at its foot, which lies within the outline."""
    reach = 125 if leaf.lobes > 3 else 95
    middles = np.linspace(-reach, reach, leaf.lobes)
    lengths = 1 - 0.42 * (np.abs(middles) / reach) ** 1.3
    angles = np.linspace(-168, 168, 169)
    spread = reach * 2 / (leaf.lobes - 1) * 0.62 * (leaf.width / 0.5) ** 0.7
    power = {'pointed': 1.0, 'blunt': 2.2, 'tailed': 0.75}[leaf.end]
    near = np.clip(np.abs(angles[:, None] - middles) / spread, 0, 1.6)
    fall = np.minimum(near**power, 1.3)
    margin = np.max(lengths * (1 - min(leaf.depth, 0.8) * fall), axis=1)
    margin *= np.clip((180 - np.abs(angles)) / 40, 0.2, 1)
    margin *= 1 - TOOTH[leaf.margin] * _teeth(leaf, np.abs(angles) / 11)

    def place(points: np.ndarray) -> np.ndarray:
        degrees = points[:, 1] * 168
        out = points[:, 0] * np.interp(degrees, angles, margin)
        degrees = np.radians(degrees)
        return np.stack([out * np.cos(degrees), out * np.sin(degrees)], axis=1)

    across = angles / 168
    outline = np.stack([np.ones_like(across), across], axis=1)
    veins = [np.array([[0, at], [0.93, at]]) for at in np.roll(middles, len(middles) // 2 + 1)]
    return _Blade(place, outline, outline * (0.78, 1), [vein * (1, 1 / 168) for vein in veins])


def _layout(leaf: LeafSpecies) -> list[tuple[tuple[float, float], float, float]]:
    """Returns foot, angle and length of each blade of a leaf of length 1, from back to front."""
    if leaf.layout == 'compound':
        pairs = leaf.leaflets // 2
        length = 1.75 / (pairs + 1.8)
        layout = [
            ((-0.1 + 0.78 * k / pairs, 0.0), side * (64.0 - 4 * k), length * (1 - 0.03 * k))
            for k in range(pairs)
            for side in (-1, 1)
        ]
        return [*layout, ((0.68, 0.0), 0.0, length)]
    if leaf.layout == 'trefoil':
        step = 360 / leaf.leaflets if leaf.leaflets > 3 else 105
        turns = [step * (k - (leaf.leaflets - 1) / 2) for k in range(leaf.leaflets)]
        return [((0.45, 0.0), angle, 0.56) for angle in turns]
    return [((0.25 if leaf.layout == 'palmate' else 0.0, 0.0), 0, 0.85)]


def _marks(leaf: LeafSpecies, blade: _Blade, spots: np.ndarray) -> list[np.ndarray]:
    """Returns the pattern on a blade as closed outlines [n, 2] in the unit rectangle."""
    palmate = leaf.layout == 'palmate'
    if leaf.pattern == 'spotted':
        size = (0.06, 0.035) if palmate else (0.035, min(0.3, 0.035 / leaf.width))
        return [circle(1.0, 8) * size + spot for spot in spots]
    if leaf.pattern == 'striped':
        if palmate:
            wedge = np.array([[0, -0.035], [0.5, -0.035], [0.9, 0], [0.5, 0.035]])
            return [wedge + (0, vein[1, 1]) for vein in blade.veins]
        return [rectangle(0.0, 0.97, -0.3, 0.3)]
    if leaf.pattern == 'zoned':
        if palmate:
            return [rectangle(0.45, 0.65, -1, 1, steps=40)]
        return [
            np.array([[0.38, 0], [0.5, side * 0.9], [0.66, side * 0.9], [0.56, 0]])
            for side in (-1, 1)
        ]
    if leaf.pattern == 'flushed':
        length, steps = (0.5, 40) if palmate else (0.42, 20)
        return [rectangle(0, length, -1, 1, steps)]
    return []


def _draw_blade(
    rng: Generator,
    draw: ImageDraw,
    leaf: LeafSpecies,
    blade: _Blade,
    place: Callable[[np.ndarray], np.ndarray],
    width: float,
    colours: Colours,
    gain: float,
) -> None:
    """Draws one blade.

    Args:
      rng: random generator.
      draw: Pillow's drawing object.
      leaf: species.
      blade: shape of the blade.
      place: function that maps points [n, 2] of the blade's frame to the canvas.
      width: width of a thick vein in pixels.
      colours: colours of the plant.
      gain: factor of the colours.
    """
    spots = rng.uniform((0.12, -0.85), (0.9, 0.85), size=(22, 2))
    marks = _marks(leaf, blade, spots)
    half = np.concatenate([blade.outline[: len(blade.outline) // 2], [[1, 0], [0, 0]]])
    shapes = [blade.outline, blade.inner, half, *marks, *blade.veins]
    ends = np.cumsum([len(shape) for shape in shapes])[:-1]
    outline, inner, half, *rest = np.split(place(blade.place(np.concatenate(shapes))), ends)
    ground, mark = colours['ground'], colours['mark']
    fill_polygon(draw, outline, mark if leaf.pattern == 'edged' else ground, gain)
    if leaf.pattern == 'edged':
        fill_polygon(draw, inner, ground, gain)
    elif leaf.layout != 'palmate':
        fill_polygon(draw, half, ground, gain * 0.88)
    for shape in rest[: len(marks)]:
        fill_polygon(draw, shape, mark, gain)
    pale = blend(ground, (226, 226, 180), 0.45) if leaf.pale_veins else ground * 0.62
    pale = mark if leaf.pattern == 'veined' else pale
    for number, vein in enumerate(rest[len(marks) :]):
        thick = 1.0 if number == 0 or leaf.layout == 'palmate' else 0.5
        thick *= 1.9 if leaf.pattern == 'veined' else 1.0
        draw_path(draw, vein, width * thick, pale, gain)
    draw_path(draw, outline, width * 0.4, ground, gain * 0.55, joint=None)


def _draw_leaf(
    rng: Generator,
    draw: ImageDraw,
    leaf: LeafSpecies,
    foot: np.ndarray,
    angle: float,
    length: float,
    colours: Colours,
) -> None:
    """Draws a leaf, `length` pixels long at an angle in degrees, with its foot at a point [2]."""
    bend, tilt = rng.normal(0, 0.1), rng.uniform(0.68, 1.0)

    def canvas(points: np.ndarray) -> np.ndarray:
        bent = points + np.stack([0 * points[:, 0], bend * points[:, 0] ** 2], axis=1)
        return rotate(bent * (1, tilt), angle) * (1, -1) * length + foot

    def canvas_of_blade(
        at: tuple[float, float], turned: float, size: float, points: np.ndarray
    ) -> np.ndarray:
        return canvas(rotate(points * size, turned) + at)

    layout = _layout(leaf)
    end = max(at[0] for at, _, _ in layout)
    stalk = np.stack([np.linspace(-0.3, end + 0.02, 5), np.zeros(5)], axis=1)
    draw_stalk(draw, canvas(stalk), max(2, 0.032 * length), colours['stalk'])
    blade = _palmate(leaf) if leaf.layout == 'palmate' else _feathered(leaf)
    gain = rng.uniform(0.86, 1.1)
    for at, turned, size in layout:
        turned, size = turned + rng.normal(0, 4), size * np.exp(rng.normal(0, 0.05))
        place = functools.partial(canvas_of_blade, at, turned, size)
        width = 0.03 * length * size**0.5
        own = gain * rng.uniform(0.93, 1.06)
        _draw_blade(rng, draw, leaf, blade, place, width, colours, own)
        for spot in rng.uniform((0.15, -0.7), (0.85, 0.7), size=(int(rng.integers(0, 3)), 2)):
            wear = place(blade.place(spot[None]))[0]
            fill_disc(draw, wear, length * rng.uniform(0.006, 0.016), (92, 70, 44), gain)


def render(leaf: LeafSpecies, rng: Generator, width: int, height: int) -> Image.Image:
    """Renders a sharp RGB image, `width` x `height`, of leaves of the species `leaf`."""
    scene = background(rng, width, height)
    canvas_size = np.array([width, height]) * SUPERSAMPLING
    length = float(min(canvas_size)) * rng.uniform(0.62, 0.92)
    centre = canvas_size * (0.5 + rng.uniform(-0.14, 0.14, size=2))
    colours = sample_palette(rng, PALETTE, 0.18, leaf, ('ground', 'mark', 'stalk'))
    angle = rng.uniform(-180, 180)
    ahead = rotate([[1.0, 0.0]], angle)[0] * (1, -1)
    foot = centre - ahead * length * 0.46

    behind = transparent_layer(canvas_size)
    brush = Draw(behind)
    wood = choose(rng, GREENS + BROWNS)
    joint = foot - ahead * length * 0.3
    bends = rng.normal(0, 0.2, size=2)
    twig = rotate([[-2.4, bends[0]], [0.0, 0.0], [2.4, bends[1]]], rng.uniform(0, 180))
    draw_stalk(brush, twig * length + joint, max(3, 0.05 * length), jitter(rng, wood, 0.12))
    draw_leaves(rng, brush, centre, length * 1.5, int(rng.integers(0, 5)))
    scene = composite(scene, behind)

    others = int(rng.choice((0, 1, 2), p=(0.3, 0.35, 0.35)))
    others += 2 * (leaf.width < 0.2)  # narrow leaves grow in sprays
    subject = transparent_layer(canvas_size)
    brush = Draw(subject)
    for number in range(others):
        aside = angle + (-1) ** number * rng.uniform(35, 150)
        start = joint + rotate([[0.3, 0]], aside)[0] * (1, -1) * length
        _draw_leaf(rng, brush, leaf, start, aside, length * rng.uniform(0.6, 0.95), colours)
    _draw_leaf(rng, brush, leaf, foot, angle, length, colours)
    subject = subject.reduce(SUPERSAMPLING)
    light = shading(rng, subject, length / 2 / SUPERSAMPLING, 0.07, 0.09)
    scene = composite(scene, subject, light)
    return occlude_with_leaves(rng, scene, 0.35, centre, length, 3)
