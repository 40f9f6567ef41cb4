"""Renders butterflies: a butterfly of a given species on a stem or a flower, seen from above.

Species differ only in their parameters (`butterfly_species.py`). Pose and wear of the wings, size,
position, light, seat, occlusion and the individual's deviation in colour are random.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.butterfly_species import PALETTE, ButterflySpecies, species
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
    smooth_line,
    smooth_outline,
    transparent_layer,
)

REVISION = 1  # to be raised whenever the same species is rendered differently
__all__ = ['REVISION', 'render', 'species']

VEINS = np.linspace(0.06, 0.97, 7)  # positions of the veins, from front (0) to rear (1) of a wing
CELLS = list(zip(VEINS[:-1], VEINS[1:], strict=True))  # front and rear vein of each cell
BLOSSOMS = ((226, 222, 214), (214, 150, 184), (222, 190, 80), (152, 122, 188), (196, 104, 92))


class _Pose(Frame):
    """Pose of one butterfly; its frame has y ahead and x to the right."""

    def __init__(self, rng: Generator, width: int, height: int) -> None:
        self.turned = rng.uniform(-55, 55)
        self.scale = min(width, height) * rng.uniform(0.36, 0.54)
        # The wings are slightly raised, one more than the other.
        self.opened = np.exp(-np.abs(rng.normal(0.12, 0.2, size=2)))
        self.fore_turn = rng.normal(0, 7)
        self.hind_turn = rng.normal(0, 6)
        slack = np.maximum(0, np.array([width, height]) / 2 - 0.8 * self.scale)
        self.origin = np.array([width, height]) / 2 + slack * rng.uniform(-0.7, 0.7, size=2)

    def place(self, points: ArrayLike) -> np.ndarray:
        """Maps points [n, 2] of the butterfly's frame to the canvas."""
        return rotate(points, self.turned) * (1, -1) * self.scale + self.origin


class _Wing:
    """Wing as a bent unit square, with coordinates from root to margin and from front to rear."""

    def __init__(
        self, pose: _Pose, butterfly: ButterflySpecies, is_fore: bool, side: int, wear: np.ndarray
    ) -> None:
        self.pose, self.butterfly, self.is_fore, self.side = pose, butterfly, is_fore, side
        self.length = butterfly.fore if is_fore else butterfly.hind
        self.root = np.array([0.04, 0.1 if is_fore else 0.0])
        self.wear = wear  # deviations of the margin at evenly spaced positions

    def _margin(self, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns angle in degrees and distance from the root of points on the margin."""
        one = self.butterfly
        worn = 0.02 * np.interp(across, np.linspace(0, 1, len(self.wear)), self.wear)
        if self.is_fore:
            angles = 49 - 62 * across + self.pose.fore_turn
            reach = 1 + (one.rear - 1) * across**0.8 + one.bulge * np.sin(np.pi * across)
            reach -= 0.1 * np.exp(-across / 0.05)
        else:
            angles = 14 - 92 * across + self.pose.hind_turn
            reach = 0.82 + (one.hind_bulge + 0.16) * np.sin(np.pi * (0.1 + 0.8 * across))
            reach += one.tail / one.hind * np.exp(-(((across - 0.66) / 0.06) ** 2))
            reach -= 0.2 * np.clip((across - 0.8) / 0.2, 0, 1)
        reach += one.scallops * np.cos(6 * 2 * np.pi * across)
        return angles, self.length * (reach + worn)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Maps points [n, 2] (out, across) of the unit square to the canvas."""
        out, across = points[:, 0], np.clip(points[:, 1], 0, 1)
        angles, reach = self._margin(across)
        # The front edge is curved.
        angles = angles + (1 - across) * 9 * np.sin(np.pi * np.clip(out, 0, 1))
        spread = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1)
        opened = self.pose.opened[self.side]
        points = self.root + spread * (out * reach)[:, None]
        return self.pose.place(points * ((-opened if self.side else opened), 1))


def _ellipse(centre: tuple[float, float], out: float, across: float) -> np.ndarray:
    return circle(1.0, 9) * (out, across) + centre


def _markings(butterfly: ButterflySpecies, is_fore: bool) -> list[tuple[str, np.ndarray]]:
    """Returns the markings of a wing: name of the colour and outline [n, 2] in the unit square."""
    inner = 1 - butterfly.border_width
    painted = [('shade', rectangle(0, 0.3, 0, 1))]
    if butterfly.dark_base:
        painted.append(('border', rectangle(0, 0.36, 0.12, 1)))
    if is_fore and butterfly.tip != butterfly.ground:
        corner = [[1, 0], [1, 0.2], [1, 0.5], [0.84, 0.34], [0.68, 0.16], [0.62, 0]]
        painted.append(('tip', np.array(corner)))
    if butterfly.bands == 'straight':
        painted.append(('band', rectangle(0.5, 0.66, 0, 1, steps=12)))
    if butterfly.bands == 'slanting' and is_fore:
        slant = [[0.5, 0], [0.7, 0], [0.72, 0.3], [0.86, 0.62], [0.97, 0.95], [0.74, 0.9]]
        painted.append(('band', np.array([*slant, [0.55, 0.4]])))
    if butterfly.bands == 'slanting' and not is_fore:
        painted.append(('band', rectangle(0.62, 0.78, 0, 1)))
    if butterfly.bands == 'rayed':
        painted += [
            ('band', np.array([[0.36, (a + b) / 2], [0.8, a + 0.03], [0.8, b - 0.03]]))
            for a, b in CELLS
        ]
    if butterfly.spots == 'spotted':
        middles = [(0.74, (a + b) / 2) for a, b in CELLS]
        middles += [(0.5, 0.25), (0.48, 0.55), (0.3, 0.4), (0.52, 0.8)]
        painted += [('spot', _ellipse(middle, 0.045, 0.055)) for middle in middles]
    if butterfly.spots == 'chequered':
        painted += [
            ('spot', rectangle(left, left + 0.13, a, b, steps=3))
            for number, (a, b) in enumerate(CELLS)
            for left in (0.38 + 0.13 * (number % 2), 0.64 + 0.13 * (number % 2))
        ]
    if butterfly.spots == 'beaded':
        painted += [('spot', _ellipse((inner - 0.07, (a + b) / 2), 0.04, 0.05)) for a, b in CELLS]
    painted.append(('border', rectangle(inner, 1, 0, 1, steps=30)))
    if is_fore:
        painted.append(('border', rectangle(0, 1, 0, 0.3 * butterfly.border_width)))
    if butterfly.border_spots:
        middle = 1 - butterfly.border_width / 2
        size = butterfly.border_width * 0.24
        painted += [('pale', _ellipse((middle, (a + b) / 2), size, 0.045)) for a, b in CELLS]
    return painted


def _eyes(butterfly: ButterflySpecies, is_fore: bool) -> list[tuple[tuple[float, float], float]]:
    """Returns centre (out, across) and size of each eye-spot of a wing."""
    big = 0.125 if is_fore else 0.145
    if butterfly.eyes == 'row':
        return [((0.76, (a + b) / 2), 0.062) for a, b in CELLS]
    if is_fore and butterfly.eyes in ('apical', 'four'):
        return [((0.7, 0.27), big)]
    if not is_fore and butterfly.eyes in ('hind', 'four'):
        return [((0.62, 0.45), big)]
    return []


def _draw_wing(draw: ImageDraw, wing: _Wing, butterfly: ButterflySpecies, colours: Colours) -> None:
    is_fore, pose = wing.is_fore, wing.pose
    ground = colours['ground' if is_fore else 'hind_ground']
    gain = 1.0 if is_fore else 0.92
    # All points are bent at once, which takes far less time than many small calls.
    across = np.linspace(0, 1, 41)
    outline = np.stack([np.ones_like(across), across], axis=1)
    painted = _markings(butterfly, is_fore)
    veins = [np.array([[0.12, at], [0.5, at], [0.97, at]]) for at in VEINS]
    shapes = [np.zeros((1, 2)), outline, *(shape for _, shape in painted), *veins]
    ends = np.cumsum([len(shape) for shape in shapes])[:-1]
    root, outline, *placed = np.split(wing.place(np.concatenate(shapes)), ends)
    outline = np.concatenate([root, outline])
    fill_polygon(draw, outline, ground, gain)
    for (part, _), shape in zip(painted, placed[: len(painted)], strict=True):
        if part == 'shade':
            fill_polygon(draw, shape, ground, 0.86 * gain)
        else:
            fill_polygon(draw, shape, colours[part], gain)
    for vein in placed[len(painted) :]:
        if butterfly.dark_veins:
            draw_path(draw, vein, pose.pixels(0.024), colours['border'], 0.95, joint=None)
        else:
            draw_path(draw, vein, pose.pixels(0.008), ground, 0.76, joint=None)
    for middle, size in _eyes(butterfly, is_fore):
        at = wing.place(np.array([middle]))[0]
        radius = size * pose.scale * wing.length
        rings = ((1.0, 'pale'), (0.8, 'dark'), (0.45, 'iris'), (0.2, 'pale'))
        for fraction, part in rings[: 4 if size > 0.1 else 2]:
            fill_disc(draw, at, max(1.0, radius * fraction), colours[part])
        if size <= 0.1:
            fill_disc(draw, at, max(1.0, radius * 0.28), colours['pale'])
    draw_path(draw, outline, pose.pixels(0.01), ground, 0.5, joint=None)


def _draw_body(rng: Generator, draw: ImageDraw, pose: _Pose, colours: Colours) -> None:
    for side in (-1, 1):
        tip = np.array([side * rng.uniform(0.2, 0.32), rng.uniform(0.62, 0.72)])
        feeler = pose.place(smooth_line(np.array([[side * 0.025, 0.27], tip * (0.5, 0.75), tip])))
        draw_path(draw, feeler, pose.pixels(0.014), colours['body'], 0.8, joint=None)
        fill_disc(draw, feeler[-1], max(1.2, 0.02 * pose.scale), colours['body'], 0.7)
    length = rng.uniform(0.46, 0.56)
    half = np.array([[0.02, 0.31], [0.05, 0.25], [0.045, 0.2], [0.075, 0.1], [0.04, -0.05]])
    half = np.concatenate([half, [[0.045, -length / 2], [0.012, -length]]])
    outline = smooth_outline(np.concatenate([half, half[::-1] * (-1, 1)]))
    fill_polygon(draw, pose.place(outline), colours['body'])
    back = smooth_line([[0.0, 0.24], [0.0, 0.05], [0.0, -length * 0.9]])
    draw_path(draw, pose.place(back), pose.pixels(0.028), colours['body'], 1.45, joint=None)
    for at in np.linspace(-0.08, -length * 0.85, 5):
        ring = pose.place(np.array([[-0.035, at], [0.035, at]]))
        draw_path(draw, ring, pose.pixels(0.012), colours['body'], 0.6)


def _sample_colours(rng: Generator, butterfly: ButterflySpecies) -> Colours:
    """Samples the colours of one butterfly of the species."""
    parts = ('ground', 'hind_ground', 'border', 'band', 'spot', 'tip')
    colours = sample_palette(rng, PALETTE, 0.18, butterfly, parts)
    colours['pale'] = jitter(rng, (236, 226, 196), 0.05)
    colours['dark'] = jitter(rng, (34, 28, 30), 0.1)
    colours['iris'] = jitter(rng, (92, 112, 176), 0.15)
    colours['body'] = jitter(rng, (74, 60, 50), 0.2)
    return colours


def _draw_seat(rng: Generator, draw: ImageDraw, pose: _Pose, size: tuple[int, int]) -> None:
    """Draws a stalk below the butterfly, in 55% of all cases with a flower head."""
    green = jitter(rng, choose(rng, GREENS), 0.15)
    foot = np.array([size[0] * rng.uniform(0.1, 0.9), size[1] * 1.1])
    middle = (pose.origin + foot) / 2 + rng.normal(0, 0.15, size=2) * pose.scale
    draw_stalk(draw, [pose.origin, middle, foot], max(3, 0.08 * pose.scale), green)
    if rng.random() < 0.55:
        colour = jitter(rng, choose(rng, BLOSSOMS), 0.15)
        head = pose.scale * rng.uniform(0.35, 0.75)
        for _ in range(26):
            at = pose.origin + rng.normal(0, 0.42, size=2) * head * (1, 0.75)
            fill_disc(draw, at, head * rng.uniform(0.1, 0.2), colour, rng.uniform(0.62, 1.12))
    draw_leaves(rng, draw, pose.origin, pose.scale * 1.6, int(rng.integers(1, 6)))


def render(butterfly: ButterflySpecies, rng: Generator, width: int, height: int) -> Image.Image:
    """Renders a sharp RGB image, `width` x `height`, of a butterfly of the species `butterfly`."""
    scene = background(rng, width, height)
    canvas_size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    pose, colours = _Pose(rng, *canvas_size), _sample_colours(rng, butterfly)
    seat = transparent_layer(canvas_size)
    _draw_seat(rng, Draw(seat), pose, canvas_size)
    scene = composite(scene, seat)

    subject = transparent_layer(canvas_size)
    brush = Draw(subject)
    wear = rng.normal(0, 1, size=(4, 12))
    for number, (is_fore, side) in enumerate(((False, 0), (False, 1), (True, 0), (True, 1))):
        wing = _Wing(pose, butterfly, is_fore, side, wear[number])
        _draw_wing(brush, wing, butterfly, colours)
    _draw_body(rng, brush, pose, colours)
    subject = subject.reduce(SUPERSAMPLING)
    scene = composite(scene, subject, shading(rng, subject, pose.scale / SUPERSAMPLING, 0.07, 0.08))
    return occlude_with_leaves(rng, scene, 0.45, pose.origin, pose.scale * 1.5, 4)
