"""The family of butterflies: a butterfly of a species on a stem or a flower, seen from above.

What tells a species lies in its parameters (`butterfly_species.py`); how its wings are held and
worn, size, place, light, the individual's own colours, what it sits on and what hides it are left
to chance.
"""

import numpy as np
from PIL import ImageDraw

from slim.synthetic.butterfly_species import PALETTE, species
from slim.synthetic.scenery import GREENS, background, draw_leaves, draw_stalk, relief
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    clear_layer,
    corners,
    dot,
    ink,
    lay_over,
    patch,
    smooth_line,
    smooth_outline,
    turn,
    vary,
)

REVISION = 1  # raise it when the same species is drawn differently
__all__ = ['REVISION', 'draw', 'species']

CELLS = np.linspace(0.06, 0.97, 7)  # where veins run between the front and the rear of a wing
BLOSSOMS = ((226, 222, 214), (214, 150, 184), (222, 190, 80), (152, 122, 188), (196, 104, 92))


class _Pose:
    """Where one butterfly lies: its own frame (y ahead, x to the right) on a canvas."""

    def __init__(self, rng, width, height):
        self.turned = rng.uniform(-55, 55)
        self.scale = min(width, height) * rng.uniform(0.36, 0.54)
        # Wings are held a little up, and one is seen more from the side than the other.
        self.opened = np.exp(-np.abs(rng.normal(0.12, 0.2, size=2)))
        self.fore_turn = rng.normal(0, 7)
        self.hind_turn = rng.normal(0, 6)
        slack = np.maximum(0, np.array([width, height]) / 2 - 0.8 * self.scale)
        self.origin = np.array([width, height]) / 2 + slack * rng.uniform(-0.7, 0.7, size=2)

    def place(self, points):
        """Canvas points of points in the butterfly's frame, both [n, 2]."""
        return turn(points, self.turned) * (1, -1) * self.scale + self.origin

    def pixels(self, length):
        """A length of the butterfly's frame in whole canvas pixels, at least one."""
        return max(1, round(length * self.scale))


class _Wing:
    """A wing as the unit square bent into shape: out from the root, and from front to rear."""

    def __init__(self, pose, butterfly, is_fore, side, wear):
        self.pose, self.butterfly, self.is_fore, self.side = pose, butterfly, is_fore, side
        self.length = butterfly.fore if is_fore else butterfly.hind
        self.root = np.array([0.04, 0.1 if is_fore else 0.0])
        self.wear = wear  # deviations of the margin at a few places

    def _margin(self, across):
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

    def place(self, points):
        """Canvas points of points (out, across) of the unit square, both [n, 2]."""
        out, across = points[:, 0], np.clip(points[:, 1], 0, 1)
        angles, reach = self._margin(across)
        # The front edge is bowed, as if the wing had shoulders.
        angles = angles + (1 - across) * 9 * np.sin(np.pi * np.clip(out, 0, 1))
        spread = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1)
        opened = self.pose.opened[self.side]
        points = self.root + spread * (out * reach)[:, None]
        return self.pose.place(points * ((-opened if self.side else opened), 1))


def _ring(middle, out, across, steps=9):
    angles = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([np.cos(angles) * out, np.sin(angles) * across], axis=1) + middle


def _cells():
    """The rear and front vein of each cell."""
    return zip(CELLS[:-1], CELLS[1:], strict=True)


def _patches(butterfly, is_fore):
    """What is painted on a wing: pairs of a colour's part and an outline in the unit square."""
    inner = 1 - butterfly.border_width
    painted = [('shade', patch(0, 0.3, 0, 1))]
    if butterfly.dark_base:
        painted.append(('border', patch(0, 0.36, 0.12, 1)))
    if is_fore and butterfly.tip != butterfly.ground:
        corner = [[1, 0], [1, 0.2], [1, 0.5], [0.84, 0.34], [0.68, 0.16], [0.62, 0]]
        painted.append(('tip', np.array(corner)))
    if butterfly.bands == 'straight':
        painted.append(('band', patch(0.5, 0.66, 0, 1, steps=12)))
    if butterfly.bands == 'slanting' and is_fore:
        slant = [[0.5, 0], [0.7, 0], [0.72, 0.3], [0.86, 0.62], [0.97, 0.95], [0.74, 0.9]]
        painted.append(('band', np.array([*slant, [0.55, 0.4]])))
    if butterfly.bands == 'slanting' and not is_fore:
        painted.append(('band', patch(0.62, 0.78, 0, 1)))
    if butterfly.bands == 'rayed':
        painted += [
            ('band', np.array([[0.36, (a + b) / 2], [0.8, a + 0.03], [0.8, b - 0.03]]))
            for a, b in _cells()
        ]
    if butterfly.spots == 'spotted':
        middles = [(0.74, (a + b) / 2) for a, b in _cells()]
        middles += [(0.5, 0.25), (0.48, 0.55), (0.3, 0.4), (0.52, 0.8)]
        painted += [('spot', _ring(middle, 0.045, 0.055)) for middle in middles]
    if butterfly.spots == 'chequered':
        painted += [
            ('spot', patch(left, left + 0.13, a, b, steps=3))
            for number, (a, b) in enumerate(_cells())
            for left in (0.38 + 0.13 * (number % 2), 0.64 + 0.13 * (number % 2))
        ]
    if butterfly.spots == 'beaded':
        painted += [('spot', _ring((inner - 0.07, (a + b) / 2), 0.04, 0.05)) for a, b in _cells()]
    painted.append(('border', patch(inner, 1, 0, 1, steps=30)))
    if is_fore:
        painted.append(('border', patch(0, 1, 0, 0.3 * butterfly.border_width)))
    if butterfly.border_spots:
        middle = 1 - butterfly.border_width / 2
        size = butterfly.border_width * 0.24
        painted += [('pale', _ring((middle, (a + b) / 2), size, 0.045)) for a, b in _cells()]
    return painted


def _eyes(butterfly, is_fore):
    """Middles (out, across) and sizes of the eye-spots of a wing."""
    big = 0.125 if is_fore else 0.145
    if butterfly.eyes == 'row':
        return [((0.76, (a + b) / 2), 0.062) for a, b in _cells()]
    if is_fore and butterfly.eyes in ('apical', 'four'):
        return [((0.7, 0.27), big)]
    if not is_fore and butterfly.eyes in ('hind', 'four'):
        return [((0.62, 0.45), big)]
    return []


def _draw_wing(draw, wing, butterfly, colours):
    is_fore, pose = wing.is_fore, wing.pose
    ground = colours['ground' if is_fore else 'hind_ground']
    gain = 1.0 if is_fore else 0.92
    # All points bend at once: so many small calls would take most of the time.
    across = np.linspace(0, 1, 41)
    outline = np.stack([np.ones_like(across), across], axis=1)
    painted = _patches(butterfly, is_fore)
    veins = [np.array([[0.12, at], [0.5, at], [0.97, at]]) for at in CELLS]
    shapes = [np.zeros((1, 2)), outline, *(shape for _, shape in painted), *veins]
    ends = np.cumsum([len(shape) for shape in shapes])[:-1]
    root, outline, *placed = np.split(wing.place(np.concatenate(shapes)), ends)
    outline = corners(np.concatenate([root, outline]))
    draw.polygon(outline, fill=ink(ground, gain))
    for (part, _), shape in zip(painted, placed[: len(painted)], strict=True):
        fill = ink(ground, 0.86 * gain) if part == 'shade' else ink(colours[part], gain)
        draw.polygon(corners(shape), fill=fill)
    for vein in placed[len(painted) :]:
        fill = ink(colours['border'], 0.95) if butterfly.dark_veins else ink(ground, 0.76)
        width = pose.pixels(0.024 if butterfly.dark_veins else 0.008)
        draw.line(corners(vein), fill=fill, width=width)
    for middle, size in _eyes(butterfly, is_fore):
        at = wing.place(np.array([middle]))[0]
        radius = size * pose.scale * wing.length
        rings = ((1.0, 'pale'), (0.8, 'dark'), (0.45, 'iris'), (0.2, 'pale'))
        for share, part in rings[: 4 if size > 0.1 else 2]:
            dot(draw, at, max(1.0, radius * share), ink(colours[part]))
        if size <= 0.1:
            dot(draw, at, max(1.0, radius * 0.28), ink(colours['pale']))
    draw.line(outline, fill=ink(ground, 0.5), width=pose.pixels(0.01))


def _draw_body(rng, draw, pose, colours):
    for side in (-1, 1):
        tip = np.array([side * rng.uniform(0.2, 0.32), rng.uniform(0.62, 0.72)])
        feeler = pose.place(smooth_line([[side * 0.025, 0.27], tip * (0.5, 0.75), tip]))
        draw.line(corners(feeler), fill=ink(colours['body'], 0.8), width=pose.pixels(0.014))
        dot(draw, feeler[-1], max(1.2, 0.02 * pose.scale), ink(colours['body'], 0.7))
    length = rng.uniform(0.46, 0.56)
    half = np.array([[0.02, 0.31], [0.05, 0.25], [0.045, 0.2], [0.075, 0.1], [0.04, -0.05]])
    half = np.concatenate([half, [[0.045, -length / 2], [0.012, -length]]])
    outline = smooth_outline(np.concatenate([half, half[::-1] * (-1, 1)]))
    draw.polygon(corners(pose.place(outline)), fill=ink(colours['body']))
    back = smooth_line([[0.0, 0.24], [0.0, 0.05], [0.0, -length * 0.9]])
    draw.line(corners(pose.place(back)), fill=ink(colours['body'], 1.45), width=pose.pixels(0.028))
    for at in np.linspace(-0.08, -length * 0.85, 5):
        ring = pose.place(np.array([[-0.035, at], [0.035, at]]))
        draw.line(corners(ring), fill=ink(colours['body'], 0.6), width=pose.pixels(0.012))


def _individual(rng, butterfly):
    """The colours of one butterfly of the species, by the part they are for."""
    parts = ('ground', 'hind_ground', 'border', 'band', 'spot', 'tip')
    # Parts of one colour stay of one colour in each butterfly: the palette is what varies.
    palette = {name: vary(rng, PALETTE[name], 0.18) for name in sorted(PALETTE)}
    colours = {part: palette[getattr(butterfly, part)] for part in parts}
    colours['pale'] = vary(rng, (236, 226, 196), 0.05)
    colours['dark'] = vary(rng, (34, 28, 30), 0.1)
    colours['iris'] = vary(rng, (92, 112, 176), 0.15)
    colours['body'] = vary(rng, (74, 60, 50), 0.2)
    return colours


def _draw_seat(rng, draw, pose, size):
    """What it sits on: a stalk, and often a flower head on top of it."""
    green = vary(rng, GREENS[int(rng.integers(len(GREENS)))], 0.15)
    foot = np.array([size[0] * rng.uniform(0.1, 0.9), size[1] * 1.1])
    middle = (pose.origin + foot) / 2 + rng.normal(0, 0.15, size=2) * pose.scale
    draw_stalk(draw, [pose.origin, middle, foot], max(3, 0.08 * pose.scale), green)
    if rng.random() < 0.55:
        colour = vary(rng, BLOSSOMS[int(rng.integers(len(BLOSSOMS)))], 0.15)
        head = pose.scale * rng.uniform(0.35, 0.75)
        for _ in range(26):
            at = pose.origin + rng.normal(0, 0.42, size=2) * head * (1, 0.75)
            dot(draw, at, head * rng.uniform(0.1, 0.2), ink(colour, rng.uniform(0.62, 1.12)))
    draw_leaves(rng, draw, pose.origin, pose.scale * 1.6, int(rng.integers(1, 6)))


def draw(butterfly, rng, width, height):
    """A sharp RGB image, `width` by `height`, of a butterfly, a `ButterflySpecies`."""
    scene = background(rng, width, height)
    large = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    pose, colours = _Pose(rng, *large), _individual(rng, butterfly)
    seat = clear_layer(large)
    _draw_seat(rng, ImageDraw.Draw(seat), pose, large)
    scene = lay_over(scene, seat)

    figure = clear_layer(large)
    brush = ImageDraw.Draw(figure)
    wear = rng.normal(0, 1, size=(4, 12))
    for number, (is_fore, side) in enumerate(((False, 0), (False, 1), (True, 0), (True, 1))):
        wing = _Wing(pose, butterfly, is_fore, side, wear[number])
        _draw_wing(brush, wing, butterfly, colours)
    _draw_body(rng, brush, pose, colours)
    figure = figure.reduce(SUPERSAMPLING)
    scene = lay_over(scene, figure, relief(rng, figure, pose.scale / SUPERSAMPLING, 0.07, 0.08))
    if rng.random() < 0.45:
        leaves = clear_layer(large)
        brush = ImageDraw.Draw(leaves)
        draw_leaves(rng, brush, pose.origin, pose.scale * 1.5, int(rng.integers(1, 5)))
        scene = lay_over(scene, leaves)
    return scene
