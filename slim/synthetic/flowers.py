"""Renders flowers: one or two flowers of a given species on their stems, outdoors.

Species differ only in their parameters (`flower_species.py`). Viewpoint, size, position, light,
occlusion and the individual's deviation in colour and shape are random.
"""

import numpy as np
from numpy.random import Generator
from PIL import Image
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.flower_species import PALETTE, FlowerSpecies, species
from slim.synthetic.scenery import (
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
    Frame,
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


class _Pose(Frame):
    """Pose of one flower; its frame has y up and petals of a length of about 1."""

    def __init__(
        self, rng: Generator, flower: FlowerSpecies, centre: np.ndarray, radius: float
    ) -> None:
        self.centre, self.scale = centre, radius
        # A flower like a face stays upright; the others have no upper side.
        self.turned = rng.normal(0, 14) if flower.faced else rng.uniform(-180, 180)
        self.away = rng.uniform(-40, 40) if flower.faced else rng.uniform(-180, 180)
        self.squash = rng.uniform(0.62, 1.0)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Maps points [n, 2] of the flower's frame to the canvas."""
        seen = rotate(rotate(points, self.turned), -self.away) * (self.squash, 1)
        return rotate(seen, self.away) * (1, -1) * self.scale + self.centre


def _bend(flower: FlowerSpecies, points: np.ndarray) -> np.ndarray:
    """Bends points [n, 2] of the unit rectangle (0..1, -1..1) to a petal of length 1 along x."""
    x, across = points[:, 0], points[:, 1]
    if flower.tip == 'pointed':
        half = 2.0 * x**0.75 * (1 - x) ** 0.7
    else:
        half = 1.15 * (x + 0.02) ** 0.6 * np.sqrt(np.maximum(0, 1 - x**5))
    # One side of the rectangle becomes the tip of the petal.
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


def _marks(flower: FlowerSpecies) -> list[np.ndarray]:
    """Returns the markings of a petal as closed outlines [n, 2] in the unit rectangle."""
    if flower.pattern == 'blotched':
        return [rectangle(0.0, 0.42, -0.85, 0.85)]
    if flower.pattern == 'tipped':
        return [rectangle(0.74, 1.0, -1, 1, steps=16)]
    if flower.pattern == 'zoned':
        return [rectangle(0.45, 0.66, -1, 1)]
    if flower.pattern == 'edged':
        outer = [rectangle(0.1, 1.0, -1, -0.66, steps=16), rectangle(0.1, 1.0, 0.66, 1, steps=16)]
        return [*outer, rectangle(0.86, 1.0, -0.7, 0.7, steps=16)]
    if flower.pattern == 'striped':
        lines = (-0.55, 0.0, 0.55) if flower.width > 0.16 else (0.0,)
        wide = 0.14 if flower.width > 0.16 else 0.3
        return [rectangle(0.12, 0.84, line - wide / 2, line + wide / 2) for line in lines]
    if flower.pattern == 'spotted':
        middles = [(0.34, 0.0), (0.5, 0.45), (0.5, -0.45), (0.64, 0.0), (0.78, 0.45), (0.78, -0.45)]
        middles = middles if flower.width > 0.16 else [(0.4, 0.0), (0.6, 0.0), (0.8, 0.0)]
        size = np.array([0.055, min(0.5, 0.055 / flower.width)])
        return [circle(1.0, 8) * size + middle for middle in middles]
    return []


def _petals(rng: Generator, flower: FlowerSpecies) -> list[tuple[float, float, float, int]]:
    """Returns angle in degrees, length, width and circle of each petal, from back to front."""
    layout: list[tuple[float, float, float, int]] = []
    if flower.faced:
        layout += [(90, 1.0, 0.8, 0), (52, 0.95, 1, 0), (128, 0.95, 1, 0)]
        if flower.circles > 1:
            layout += [(75, 0.7, 0.7, 1), (105, 0.7, 0.7, 1)]
        layout += [(-14, 0.92, 1.15, 1), (194, 0.92, 1.15, 1), (270, flower.lip, 1.3, 1)]
    else:
        step = 360 / flower.petals
        for row in range(flower.circles):
            length = 1.0 - 0.24 * row
            layout += [(step * (k + 0.5 * row), length, 1, row) for k in range(flower.petals)]
    sway = rng.normal(0, 1, size=(len(layout), 3))
    return [
        (angle + 3.5 * a, length * np.exp(0.05 * b), width * np.exp(0.06 * c), row)
        for (angle, length, width, row), (a, b, c) in zip(layout, sway, strict=True)
    ]


def _draw_petals(
    rng: Generator, draw: ImageDraw, pose: _Pose, flower: FlowerSpecies, colours: Colours
) -> None:
    marks = _marks(flower)
    shapes = [
        rectangle(0.02, 1.0, -1, 1, steps=14),
        rectangle(0.02, 0.5, -0.8, 0.8, steps=5),
        *marks,
    ]
    creases = [np.array([[0.1, 0.3 * at], [0.55, 0.5 * at], [0.9, 0.55 * at]]) for at in (-1, 0, 1)]
    ends = np.cumsum([len(one) for one in [*shapes, *creases]])[:-1]
    bent = _bend(flower, np.concatenate([*shapes, *creases]))
    for angle, length, width, row in _petals(rng, flower):
        base = colours['back'] if row == 0 else colours['ground']
        curl = rng.normal(0, 0.05) * bent[:, :1] ** 2
        petal = bent * (length, length * width) + np.concatenate([0 * curl, curl], axis=1)
        parts = np.split(pose.place(rotate(petal, angle)), ends)
        gain = rng.uniform(0.9, 1.08) * (0.86 + 0.07 * min(row, 2) + 0.07 * flower.faced)
        fill_polygon(draw, parts[0], base, gain)
        fill_polygon(draw, parts[1], base, gain * 0.92)
        if row or not flower.faced:
            for part in parts[2 : 2 + len(marks)]:
                fill_polygon(draw, part, colours['mark'], gain)
        for part in parts[2 + len(marks) :]:
            draw_path(draw, part, pose.pixels(0.008), base, gain * 0.84, joint=None)
        edge = np.concatenate([parts[0], parts[0][:1]])
        draw_path(draw, edge, pose.pixels(0.012), base, gain * 0.62, joint=None)


def _draw_heart(
    rng: Generator, draw: ImageDraw, pose: _Pose, flower: FlowerSpecies, colours: Colours
) -> None:
    size, centre = flower.heart_size, colours['centre']
    angles = np.linspace(0, 2 * np.pi, 25)[:-1] + rng.uniform(0, 1)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if flower.heart == 'disc':
        fill_polygon(draw, pose.place(ring * size * 1.06), centre, 0.6)
        fill_polygon(draw, pose.place(ring * size * 0.96), centre, 0.86)
        count = 60
        spiral = np.arange(count)
        out, angles = np.sqrt((spiral + 0.5) / count) * size, np.radians(spiral * 137.5)
        seeds = np.stack([out * np.cos(angles), out * np.sin(angles)], axis=1)
        for number, at in enumerate(pose.place(seeds)):
            gain = 1.15 if number > 22 else 0.72
            fill_disc(draw, at, max(1.0, 0.055 * size * pose.scale), centre, gain)
        return
    if flower.heart == 'stamens':
        inner, outer = pose.place(ring * size * 0.3), pose.place(ring * (size + 0.16))
        for number, (start, end) in enumerate(zip(inner, outer, strict=True)):
            end = end + (start - end) * (0.3 * (number % 2) + rng.uniform(0, 0.15))
            filament = blend(centre, colours['ground'], 0.4)
            draw_path(draw, [start, end], pose.pixels(0.016), filament)
            fill_disc(draw, end, max(1.2, 0.032 * pose.scale), centre)
        knob = pose.place(ring * size * 0.55)
        fill_polygon(draw, knob, blend(centre, (120, 150, 60), 0.5), 0.8)
        return
    if flower.heart == 'star':
        reach = np.where(np.arange(len(ring)) % 4 == 0, 2.1, 0.85)[:, None]
        fill_polygon(draw, pose.place(ring * size * reach), centre)
        fill_polygon(draw, pose.place(ring * size * 0.45), centre, 0.55)
        return
    fill_polygon(draw, pose.place(ring * size * 1.5), centre)
    fill_polygon(draw, pose.place(ring * size * 0.7), (40, 44, 26))


def render(flower: FlowerSpecies, rng: Generator, width: int, height: int) -> Image.Image:
    """Renders a sharp RGB image, `width` x `height`, of flowers of the species `flower`."""
    scene = background(rng, width, height)
    canvas_size = np.array([width, height]) * SUPERSAMPLING
    radius = float(min(canvas_size)) * rng.uniform(0.27, 0.46)
    slack = np.maximum(0, canvas_size / 2 - radius * 0.95)
    centre = canvas_size / 2 + slack * rng.uniform(-0.75, 0.75, size=2)
    green = jitter(rng, choose(rng, GREENS), 0.12)
    places = [(centre, radius)]
    if rng.random() < 0.35:
        side = -1 if centre[0] > canvas_size[0] / 2 else 1
        beside = centre + (side * radius * rng.uniform(1.2, 1.8), radius * rng.uniform(-0.9, 0.9))
        places.insert(0, (beside, radius * rng.uniform(0.55, 0.85)))

    stems = transparent_layer(canvas_size)
    brush = Draw(stems)
    foot = np.array([canvas_size[0] * rng.uniform(0.2, 0.8), canvas_size[1] * 1.1])
    for top, size in places:
        middle = blend(top, foot, 0.5) + (rng.normal(0, 0.1) * size, 0)
        draw_stalk(brush, [top, middle, foot], max(2, size * 0.075), green)
    draw_leaves(rng, brush, centre + (0, radius), radius * 2.4, int(rng.integers(2, 8)))
    scene = composite(scene, stems)

    for place, size in places:
        subject = transparent_layer(canvas_size)
        brush = Draw(subject)
        pose = _Pose(rng, flower, place, size)
        colours = sample_palette(rng, PALETTE, 0.22, flower, ('ground', 'back', 'mark', 'centre'))
        _draw_petals(rng, brush, pose, flower, colours)
        _draw_heart(rng, brush, pose, flower, colours)
        subject = subject.reduce(SUPERSAMPLING)
        scene = composite(scene, subject, shading(rng, subject, size / SUPERSAMPLING, 0.1))
    return occlude_with_leaves(rng, scene, 0.45, centre, radius * 2, 4)
