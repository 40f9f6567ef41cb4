"""The family of flowers: one or two flowers of a species on their stems, out of doors.

What tells a species lies in its parameters (`flower_species.py`); the side it is seen from, size,
place, light, the individual's own colours and shape, and what hides it are left to chance.
"""

import numpy as np
from PIL import ImageDraw

from slim.synthetic.flower_species import PALETTE, species
from slim.synthetic.scenery import GREENS, background, draw_leaves, draw_stalk, relief
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


class _Pose:
    """Where one flower lies: its own frame (y up, petals about 1 long) on a canvas."""

    def __init__(self, rng, flower, centre, radius):
        self.centre, self.radius = np.asarray(centre), radius
        # A face keeps upright; any other flower has no upper side.
        self.turned = rng.normal(0, 14) if flower.faced else rng.uniform(-180, 180)
        self.away = rng.uniform(-40, 40) if flower.faced else rng.uniform(-180, 180)
        self.squash = rng.uniform(0.62, 1.0)

    def place(self, points):
        """Canvas points of points in the flower's frame, both [n, 2]."""
        seen = turn(turn(points, self.turned), -self.away) * (self.squash, 1)
        return turn(seen, self.away) * (1, -1) * self.radius + self.centre

    def pixels(self, length):
        """A length of the flower's frame in whole canvas pixels, at least one."""
        return max(1, round(length * self.radius))


def _bend(flower, points):
    """A petal of length 1 along x: the points [n, 2] of the unit rectangle (0..1, -1..1) bent."""
    x, across = points[:, 0], points[:, 1]
    if flower.tip == 'pointed':
        half = 2.0 * x**0.75 * (1 - x) ** 0.7
    else:
        half = 1.15 * (x + 0.02) ** 0.6 * np.sqrt(np.maximum(0, 1 - x**5))
    # The end of a round petal is a side of the rectangle, which closes in an arc.
    along = x.copy()
    if flower.tip == 'notched':
        along -= 0.24 * np.exp(-((across / 0.45) ** 2)) * x**6
        half += 0.35 * x**8
    if flower.tip == 'fringed':
        half += 0.4 * x**8
        along += 0.09 * x**8 * (np.cos(across * 5 * np.pi) - across**2)
    if flower.tip == 'round':
        half += 0.3 * x**8
        along -= 0.1 * across**2 * x**8
    return np.stack([along, across * half * flower.width], axis=1)


def _marks(flower):
    """The markings of a petal as closed outlines [n, 2] in the unit rectangle."""
    if flower.pattern == 'blotched':
        return [patch(0.0, 0.42, -0.85, 0.85)]
    if flower.pattern == 'tipped':
        return [patch(0.74, 1.0, -1, 1, steps=16)]
    if flower.pattern == 'zoned':
        return [patch(0.45, 0.66, -1, 1)]
    if flower.pattern == 'edged':
        outer = [patch(0.1, 1.0, -1, -0.66, steps=16), patch(0.1, 1.0, 0.66, 1, steps=16)]
        return [*outer, patch(0.86, 1.0, -0.7, 0.7, steps=16)]
    if flower.pattern == 'striped':
        lines = (-0.55, 0.0, 0.55) if flower.width > 0.16 else (0.0,)
        wide = 0.14 if flower.width > 0.16 else 0.3
        return [patch(0.12, 0.84, line - wide / 2, line + wide / 2) for line in lines]
    if flower.pattern == 'spotted':
        angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        middles = [(0.34, 0.0), (0.5, 0.45), (0.5, -0.45), (0.64, 0.0), (0.78, 0.45), (0.78, -0.45)]
        middles = middles if flower.width > 0.16 else [(0.4, 0), (0.6, 0), (0.8, 0)]
        size = np.array([0.055, min(0.5, 0.055 / flower.width)])
        return [ring * size + middle for middle in middles]
    return []


def _petals(rng, flower):
    """Angle (degrees), length, width and circle of each petal, those behind first."""
    if flower.faced:
        layout = [(90, 1.0, 0.8, 0), (52, 0.95, 1, 0), (128, 0.95, 1, 0)]
        if flower.circles > 1:
            layout += [(75, 0.7, 0.7, 1), (105, 0.7, 0.7, 1)]
        layout += [(-14, 0.92, 1.15, 1), (194, 0.92, 1.15, 1), (270, flower.lip, 1.3, 1)]
    else:
        layout, step = [], 360 / flower.petals
        for circle in range(flower.circles):
            length = 1.0 - 0.24 * circle
            layout += [(step * (k + 0.5 * circle), length, 1, circle) for k in range(flower.petals)]
    sway = rng.normal(0, 1, size=(len(layout), 3))
    return [
        (angle + 3.5 * a, length * np.exp(0.05 * b), width * np.exp(0.06 * c), circle)
        for (angle, length, width, circle), (a, b, c) in zip(layout, sway, strict=True)
    ]


def _draw_petals(rng, draw, pose, flower, colours):
    marks = _marks(flower)
    shapes = [patch(0.02, 1.0, -1, 1, steps=14), patch(0.02, 0.5, -0.8, 0.8, steps=5), *marks]
    creases = [np.array([[0.1, 0.3 * at], [0.55, 0.5 * at], [0.9, 0.55 * at]]) for at in (-1, 0, 1)]
    ends = np.cumsum([len(one) for one in [*shapes, *creases]])[:-1]
    bent = _bend(flower, np.concatenate([*shapes, *creases]))
    for angle, length, width, circle in _petals(rng, flower):
        base = colours['back'] if circle == 0 else colours['ground']
        curl = rng.normal(0, 0.05) * bent[:, :1] ** 2
        petal = bent * (length, length * width) + np.concatenate([0 * curl, curl], axis=1)
        parts = np.split(pose.place(turn(petal, angle)), ends)
        gain = rng.uniform(0.9, 1.08) * (0.86 + 0.07 * min(circle, 2) + 0.07 * flower.faced)
        outline = corners(parts[0])
        draw.polygon(outline, fill=ink(base, gain))
        draw.polygon(corners(parts[1]), fill=ink(base, gain * 0.92))
        if circle or not flower.faced:
            for part in parts[2 : 2 + len(marks)]:
                draw.polygon(corners(part), fill=ink(colours['mark'], gain))
        for part in parts[2 + len(marks) :]:
            draw.line(corners(part), fill=ink(base, gain * 0.84), width=pose.pixels(0.008))
        edge = corners(np.concatenate([parts[0], parts[0][:1]]))
        draw.line(edge, fill=ink(base, gain * 0.62), width=pose.pixels(0.012))


def _around(lengths, degrees):
    """The points [n, 2] so far from the origin at such angles, both [n]."""
    angles = np.radians(degrees)
    return np.stack([lengths * np.cos(angles), lengths * np.sin(angles)], axis=1)


def _draw_heart(rng, draw, pose, flower, colours):
    size, centre = flower.heart_size, colours['centre']
    angles = np.linspace(0, 2 * np.pi, 25)[:-1] + rng.uniform(0, 1)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if flower.heart == 'disc':
        draw.polygon(corners(pose.place(ring * size * 1.06)), fill=ink(centre, 0.6))
        draw.polygon(corners(pose.place(ring * size * 0.96)), fill=ink(centre, 0.86))
        count = 60
        spiral = np.arange(count)
        out = np.sqrt((spiral + 0.5) / count) * size
        seeds = _around(out, spiral * 137.5)
        for number, at in enumerate(pose.place(seeds)):
            gain = 1.15 if number > 22 else 0.72
            dot(draw, at, max(1.0, 0.055 * size * pose.radius), ink(centre, gain))
        return
    if flower.heart == 'stamens':
        inner, outer = pose.place(ring * size * 0.3), pose.place(ring * (size + 0.16))
        for number, (start, end) in enumerate(zip(inner, outer, strict=True)):
            end = end + (start - end) * (0.3 * (number % 2) + rng.uniform(0, 0.15))
            line = corners([start, end])
            draw.line(line, fill=ink(mix(centre, colours['ground'], 0.4)), width=pose.pixels(0.016))
            dot(draw, end, max(1.2, 0.032 * pose.radius), ink(centre))
        knob = pose.place(ring * size * 0.55)
        draw.polygon(corners(knob), fill=ink(mix(centre, (120, 150, 60), 0.5), 0.8))
        return
    if flower.heart == 'star':
        reach = np.where(np.arange(len(ring)) % 4 == 0, 2.1, 0.85)[:, None]
        draw.polygon(corners(pose.place(ring * size * reach)), fill=ink(centre))
        draw.polygon(corners(pose.place(ring * size * 0.45)), fill=ink(centre, 0.55))
        return
    draw.polygon(corners(pose.place(ring * size * 1.5)), fill=ink(centre))
    draw.polygon(corners(pose.place(ring * size * 0.7)), fill=(40, 44, 26))


def _individual(rng, flower):
    """The colours of one flower of the species, by the part they are for."""
    # Parts of one colour stay of one colour in each flower: the palette is what varies.
    palette = {name: vary(rng, PALETTE[name], 0.22) for name in sorted(PALETTE)}
    return {part: palette[getattr(flower, part)] for part in ('ground', 'back', 'mark', 'centre')}


def draw(flower, rng, width, height):
    """A sharp RGB image, `width` by `height`, of flowers of the species, a `FlowerSpecies`."""
    scene = background(rng, width, height)
    large = np.array([width, height]) * SUPERSAMPLING
    radius = float(min(large)) * rng.uniform(0.27, 0.46)
    slack = np.maximum(0, large / 2 - radius * 0.95)
    centre = large / 2 + slack * rng.uniform(-0.75, 0.75, size=2)
    green = vary(rng, GREENS[int(rng.integers(len(GREENS)))], 0.12)
    places = [(centre, radius)]
    if rng.random() < 0.35:
        side = -1 if centre[0] > large[0] / 2 else 1
        beside = centre + (side * radius * rng.uniform(1.2, 1.8), radius * rng.uniform(-0.9, 0.9))
        places.insert(0, (beside, radius * rng.uniform(0.55, 0.85)))

    stems = clear_layer(large)
    brush = ImageDraw.Draw(stems)
    foot = np.array([large[0] * rng.uniform(0.2, 0.8), large[1] * 1.1])
    for top, size in places:
        middle = mix(top, foot, 0.5) + (rng.normal(0, 0.1) * size, 0)
        draw_stalk(brush, [top, middle, foot], max(2, size * 0.075), green)
    draw_leaves(rng, brush, centre + (0, radius), radius * 2.4, int(rng.integers(2, 8)))
    scene = lay_over(scene, stems)

    for place, size in places:
        figure = clear_layer(large)
        brush = ImageDraw.Draw(figure)
        pose, colours = _Pose(rng, flower, place, size), _individual(rng, flower)
        _draw_petals(rng, brush, pose, flower, colours)
        _draw_heart(rng, brush, pose, flower, colours)
        figure = figure.reduce(SUPERSAMPLING)
        scene = lay_over(scene, figure, relief(rng, figure, size / SUPERSAMPLING, 0.1))
    if rng.random() < 0.45:
        leaves = clear_layer(large)
        brush = ImageDraw.Draw(leaves)
        draw_leaves(rng, brush, centre, radius * 2, int(rng.integers(1, 5)))
        scene = lay_over(scene, leaves)
    return scene
