"""The family of leaves: a leaf or a spray of leaves of one species, seen close.

What tells a species lies in its parameters (`leaf_species.py`); how many leaves there are, how they
hang, their size, place, light, wear and own colours, and what hides them are left to chance.
"""

import dataclasses

import numpy as np
from PIL import ImageDraw

from slim.synthetic.leaf_species import PALETTE, species
from slim.synthetic.scenery import BROWNS, GREENS, background, draw_leaves, draw_stalk, relief
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    clear_layer,
    corners,
    dot,
    ink,
    lay_over,
    mix,
    patch,
    turn,
    vary,
)

REVISION = 1  # raise it when the same species is drawn differently
__all__ = ['REVISION', 'draw', 'species']

TOOTH = {'entire': 0.0, 'scalloped': 0.05, 'toothed': 0.09, 'spiny': 0.2}


@dataclasses.dataclass(frozen=True)
class _Blade:
    """One blade as the unit rectangle (0..1, -1..1) bent into shape, its foot at the origin.

    Attributes:
        place: bends points [n, 2] of the unit rectangle; the blade is 1 long along x.
        outline: the margin in the unit rectangle, [n, 2].
        inner: the same for what lies within an edge.
        veins: lines in the unit rectangle, the midrib first.
    """

    place: object
    outline: np.ndarray
    inner: np.ndarray
    veins: list


def _teeth(leaf, along):
    """How far the margin stands back from its teeth, from 0 to 1, `along` so many teeth."""
    phase = along % 1
    if leaf.margin == 'scalloped':
        return 1 - np.sin(np.pi * phase)
    if leaf.margin == 'spiny':
        return np.sqrt(np.sin(np.pi * phase))
    return phase


def _feathered(leaf):
    """A blade with a midrib and veins to both sides."""
    sharp = {'pointed': 1.0, 'blunt': 0.5, 'tailed': 1.7}[leaf.end]
    grid = np.linspace(0, 1, 97)
    # Highest at `widest`; `sharp` is how steeply the blade ends in its tip.
    swell = sharp * leaf.widest / (1 - leaf.widest)
    half = grid**swell * (1 - grid) ** sharp
    half *= leaf.width / half.max()
    if leaf.lobes:
        waves = 0.5 + 0.5 * np.cos(2 * np.pi * (leaf.lobes + 0.5) * grid + np.pi)
        half *= 1 - min(leaf.depth, 0.75) * (1 - waves**0.7) * np.clip(2.6 * (1 - grid), 0, 1)
    size = TOOTH[leaf.margin] * (1.0 if leaf.margin == 'spiny' else 0.55)
    half *= 1 - 2 * size * _teeth(leaf, grid * (8 if leaf.margin == 'spiny' else 14))

    def place(points):
        x, across = points[:, 0], points[:, 1]
        forward = 0.22 * leaf.width * np.abs(across) * (1 - x)
        y = across * np.interp(x, grid, half)
        return np.stack([x + forward, y], axis=1)

    def margin(across):
        side = np.stack([grid, np.full_like(grid, across)], axis=1)
        return np.concatenate([side, side[::-1] * (1, -1)])

    count = leaf.lobes if leaf.lobes else leaf.veins
    starts = (np.arange(count) + 0.55) / (count + 0.6)
    sides = [np.array([[x, 0], [x + 0.05, side * 0.93]]) for x in starts for side in (-1, 1)]
    return _Blade(place, margin(1.0), margin(0.72), [np.array([[0, 0], [0.97, 0]]), *sides])


def _palmate(leaf):
    """A blade whose lobes and veins come from its foot, which lies well within the outline."""
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

    def place(points):
        degrees = points[:, 1] * 168
        out = points[:, 0] * np.interp(degrees, angles, margin)
        degrees = np.radians(degrees)
        return np.stack([out * np.cos(degrees), out * np.sin(degrees)], axis=1)

    across = angles / 168
    outline = np.stack([np.ones_like(across), across], axis=1)
    veins = [np.array([[0, at], [0.93, at]]) for at in np.roll(middles, len(middles) // 2 + 1)]
    return _Blade(place, outline, outline * (0.78, 1), [vein * (1, 1 / 168) for vein in veins])


def _layout(leaf):
    """Foot, angle and length of each blade of a leaf that is about 1 long, those behind first."""
    if leaf.layout == 'compound':
        pairs = leaf.leaflets // 2
        length = 1.75 / (pairs + 1.8)
        layout = [
            ((-0.1 + 0.78 * k / pairs, 0.0), side * (64 - 4 * k), length * (1 - 0.03 * k))
            for k in range(pairs)
            for side in (-1, 1)
        ]
        return [*layout, ((0.68, 0.0), 0, length)]
    if leaf.layout == 'trefoil':
        step = 360 / leaf.leaflets if leaf.leaflets > 3 else 105
        turns = [step * (k - (leaf.leaflets - 1) / 2) for k in range(leaf.leaflets)]
        return [((0.45, 0.0), angle, 0.56) for angle in turns]
    return [((0.25 if leaf.layout == 'palmate' else 0.0, 0.0), 0, 0.85)]


def _marks(leaf, blade, spots):
    """The pattern on a blade as closed outlines in the unit rectangle."""
    palmate = leaf.layout == 'palmate'
    if leaf.pattern == 'spotted':
        angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        size = (0.06, 0.035) if palmate else (0.035, min(0.3, 0.035 / leaf.width))
        return [ring * size + spot for spot in spots]
    if leaf.pattern == 'striped':
        if palmate:
            wedge = np.array([[0, -0.035], [0.5, -0.035], [0.9, 0], [0.5, 0.035]])
            return [wedge + (0, vein[1, 1]) for vein in blade.veins]
        return [patch(0.0, 0.97, -0.3, 0.3)]
    if leaf.pattern == 'zoned':
        if palmate:
            return [patch(0.45, 0.65, -1, 1, steps=40)]
        return [
            np.array([[0.38, 0], [0.5, side * 0.9], [0.66, side * 0.9], [0.56, 0]])
            for side in (-1, 1)
        ]
    if leaf.pattern == 'flushed':
        return [patch(0, 0.5, -1, 1, steps=40) if palmate else patch(0, 0.42, -1, 1, steps=20)]
    return []


def _draw_blade(rng, draw, leaf, blade, place, width, colours, gain):
    """Draws one blade; `place` takes its frame to the canvas, `width` is that of a thick vein."""
    spots = rng.uniform((0.12, -0.85), (0.9, 0.85), size=(22, 2))
    marks = _marks(leaf, blade, spots)
    half = np.concatenate([blade.outline[: len(blade.outline) // 2], [[1, 0], [0, 0]]])
    shapes = [blade.outline, blade.inner, half, *marks, *blade.veins]
    ends = np.cumsum([len(shape) for shape in shapes])[:-1]
    outline, inner, half, *rest = np.split(place(blade.place(np.concatenate(shapes))), ends)
    ground, mark = colours['ground'], colours['mark']
    outline = corners(outline)
    draw.polygon(outline, fill=ink(mark if leaf.pattern == 'edged' else ground, gain))
    if leaf.pattern == 'edged':
        draw.polygon(corners(inner), fill=ink(ground, gain))
    elif leaf.layout != 'palmate':
        draw.polygon(corners(half), fill=ink(ground, gain * 0.88))
    for shape in rest[: len(marks)]:
        draw.polygon(corners(shape), fill=ink(mark, gain))
    pale = mix(ground, (226, 226, 180), 0.45) if leaf.pale_veins else ground * 0.62
    pale = mark if leaf.pattern == 'veined' else pale
    for number, vein in enumerate(rest[len(marks) :]):
        thick = 1.0 if number == 0 or leaf.layout == 'palmate' else 0.5
        thick *= 1.9 if leaf.pattern == 'veined' else 1.0
        draw.line(corners(vein), fill=ink(pale, gain), width=max(1, round(width * thick)))
    draw.line(outline, fill=ink(ground, gain * 0.55), width=max(1, round(width * 0.4)))


def _draw_leaf(rng, draw, leaf, foot, angle, length, colours):
    """Draws a whole leaf, `length` pixels long, from its foot on the canvas."""
    bend, tilt = rng.normal(0, 0.1), rng.uniform(0.68, 1.0)

    def canvas(points):
        bent = points + np.stack([0 * points[:, 0], bend * points[:, 0] ** 2], axis=1)
        return turn(bent * (1, tilt), angle) * (1, -1) * length + foot

    layout = _layout(leaf)
    end = max(at[0] for at, _, _ in layout)
    stalk = np.stack([np.linspace(-0.3, end + 0.02, 5), np.zeros(5)], axis=1)
    draw_stalk(draw, canvas(stalk), max(2, 0.032 * length), colours['stalk'])
    blade = _palmate(leaf) if leaf.layout == 'palmate' else _feathered(leaf)
    gain = rng.uniform(0.86, 1.1)
    for at, turned, size in layout:
        turned, size = turned + rng.normal(0, 4), size * np.exp(rng.normal(0, 0.05))

        def place(points, at=at, turned=turned, size=size):
            return canvas(turn(points * size, turned) + at)

        width = 0.03 * length * size**0.5
        own = gain * rng.uniform(0.93, 1.06)
        _draw_blade(rng, draw, leaf, blade, place, width, colours, own)
        for spot in rng.uniform((0.15, -0.7), (0.85, 0.7), size=(int(rng.integers(0, 3)), 2)):
            wear = place(blade.place(spot[None]))[0]
            dot(draw, wear, length * rng.uniform(0.006, 0.016), ink((92, 70, 44), gain))


def _individual(rng, leaf):
    """The colours of one plant of the species, by the part they are for."""
    # Parts of one colour stay of one colour in each plant: the palette is what varies.
    palette = {name: vary(rng, PALETTE[name], 0.18) for name in sorted(PALETTE)}
    return {part: palette[getattr(leaf, part)] for part in ('ground', 'mark', 'stalk')}


def draw(leaf, rng, width, height):
    """A sharp RGB image, `width` by `height`, of leaves of the species `leaf`, a `LeafSpecies`."""
    scene = background(rng, width, height)
    large = np.array([width, height]) * SUPERSAMPLING
    length = float(min(large)) * rng.uniform(0.62, 0.92)
    centre = large * (0.5 + rng.uniform(-0.14, 0.14, size=2))
    colours = _individual(rng, leaf)
    angle = rng.uniform(-180, 180)
    ahead = turn([[1.0, 0.0]], angle)[0] * (1, -1)
    foot = centre - ahead * length * 0.46

    behind = clear_layer(large)
    brush = ImageDraw.Draw(behind)
    wood = (GREENS + BROWNS)[int(rng.integers(len(GREENS + BROWNS)))]
    joint = foot - ahead * length * 0.3
    twig = turn(
        [[-2.4, rng.normal(0, 0.2)], [0, 0], [2.4, rng.normal(0, 0.2)]], rng.uniform(0, 180)
    )
    draw_stalk(brush, twig * length + joint, max(3, 0.05 * length), vary(rng, wood, 0.12))
    draw_leaves(rng, brush, centre, length * 1.5, int(rng.integers(0, 5)))
    scene = lay_over(scene, behind)

    others = int(rng.choice((0, 1, 2), p=(0.3, 0.35, 0.35)))
    others += 2 * (leaf.width < 0.2)  # narrow leaves come in sprays
    figure = clear_layer(large)
    brush = ImageDraw.Draw(figure)
    for number in range(others):
        aside = angle + (-1) ** number * rng.uniform(35, 150)
        start = joint + turn([[0.3, 0]], aside)[0] * (1, -1) * length
        _draw_leaf(rng, brush, leaf, start, aside, length * rng.uniform(0.6, 0.95), colours)
    _draw_leaf(rng, brush, leaf, foot, angle, length, colours)
    figure = figure.reduce(SUPERSAMPLING)
    light = relief(rng, figure, length / 2 / SUPERSAMPLING, 0.07, 0.09)
    scene = lay_over(scene, figure, light)
    if rng.random() < 0.35:
        leaves = clear_layer(large)
        brush = ImageDraw.Draw(leaves)
        draw_leaves(rng, brush, centre, length, int(rng.integers(1, 4)))
        scene = lay_over(scene, leaves)
    return scene
