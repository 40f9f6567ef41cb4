"""Renders pots: a pot of a given style on a table, from a random viewpoint.

Styles differ only in their parameters (`pot_styles.py`). Clay, glazes, view, position, light, room
and occlusion are random.
"""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.pot_styles import PotStyle, species
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    Brush,
    Colour,
    Colours,
    View,
    blend,
    cast_shadow,
    choose,
    circle,
    composite,
    jitter,
    smooth_line,
    smooth_noise,
    transparent_layer,
)
from slim.synthetic.surroundings import interior, occlude

REVISION = 1  # to be raised whenever the same style is rendered differently
__all__ = ['REVISION', 'render', 'species']

CLAYS = ((176, 104, 70), (142, 88, 62), (196, 160, 120), (96, 76, 68))
GLAZES = [
    (226, 220, 204), (58, 92, 140), (84, 128, 112), (178, 142, 84), (120, 60, 48),
    (66, 70, 76), (150, 176, 186), (196, 112, 64), (206, 190, 150),
]  # fmt: skip
INKS = ((40, 50, 92), (52, 36, 32), (232, 226, 212), (150, 52, 40), (34, 84, 74), (236, 206, 130))
FRONT = np.radians(np.arange(-90, 91, 15))  # angles of the visible half, 0 towards the camera


def _sample_view(rng: Generator, width: int, height: int) -> View:
    """Samples the view of a pot; its origin is the centre of the foot."""
    scale = min(width / 1.2, height / 1.3) * rng.uniform(0.6, 1.05)
    slack = np.maximum(0, (width - 1.1 * scale, height - 1.3 * scale)) / 2
    origin = np.array([width / 2, height / 2 + 0.54 * scale]) + slack * rng.uniform(-1, 1, 2)
    facing = 1 if rng.random() < 0.5 else -1
    pitch, roll = rng.uniform(4, 24), rng.normal(0, 2.2)
    return View(0, pitch, roll, facing, scale, origin, rng.uniform(0.02, 0.25))


def _sample_colours(rng: Generator) -> Colours:
    """Samples the colours of one pot."""
    clay, glaze = jitter(rng, choose(rng, CLAYS), 0.14), jitter(rng, choose(rng, GLAZES), 0.14)
    if rng.random() < 0.3:
        glaze = jitter(rng, clay, 0.05)
    # The ornament is visible on both glazes, and the second glaze on the first.
    dark = glaze.mean() < 125
    second = [one for one in GLAZES if abs(np.mean(one) - glaze.mean()) > 40]
    pale = [one for one in INKS if (np.mean(one) > 125) == dark]
    colours = {'clay': clay, 'glaze': glaze, 'second': jitter(rng, choose(rng, second), 0.08)}
    colours['ink'] = jitter(rng, choose(rng, pale), 0.08)
    on_second = [one for one in INKS if (np.mean(one) > 125) == (colours['second'].mean() < 125)]
    colours['ink_on_second'] = jitter(rng, choose(rng, on_second), 0.08)
    return colours


def _base(style: PotStyle) -> float:
    """Returns the height of the foot below the body."""
    return {'plain': 0.0, 'ring': 0.06, 'stem': 0.16}[style.foot]


def _neck(style: PotStyle) -> float:
    return style.neck_height + {'short': 0.07, 'plain': 0.0, 'long': -0.1}[style.neck]


def _profile(style: PotStyle) -> tuple[np.ndarray, np.ndarray]:
    """Returns heights [n], in ascending order from foot to lip, and radii [n] of the body."""
    neck, base, foot = min(_neck(style), 0.95), _base(style), style.foot_radius
    belly = blend(base, 1, style.belly_height)
    points = [[base, foot], [blend(base, belly, 0.55), blend(foot, style.belly_radius, 0.78)]]
    points += [[belly, style.belly_radius]]
    points += [[blend(belly, neck, 0.6), blend(style.belly_radius, style.neck_radius, 0.45)]]
    points += [[neck, style.neck_radius], [1.0, style.lip_radius]]
    curve = smooth_line(points)
    if style.foot == 'ring':
        curve = np.concatenate([[[0, foot * 1.12], [0.05, foot * 1.08], [0.05, foot]], curve])
    elif style.foot == 'stem':
        stem = smooth_line([[0.0, foot * 1.25], [0.04, foot * 1.1], [0.09, foot * 0.5]])
        curve = np.concatenate([stem, [[0.13, foot * 0.5]], curve])
    return curve[:, 0], curve[:, 1]


class _Pot(Brush):
    """Draws on the surface of one pot."""

    def __init__(self, draw: ImageDraw, view: View, style: PotStyle, quarter: float) -> None:
        super().__init__(draw, view)
        self.style, self.quarter = style, quarter
        self.heights, self.radii = _profile(style)

    def radius(self, height: ArrayLike) -> Any:
        """Returns the radius of the body at heights."""
        return np.interp(np.asarray(height), self.heights, self.radii)

    def around(self, angles: ArrayLike, heights: ArrayLike) -> np.ndarray:
        """Returns the canvas points at angles in radians (0: towards the camera) and heights."""
        angles, heights = np.broadcast_arrays(angles, heights)
        radii = self.radius(heights)
        points = np.stack([radii * np.sin(angles), heights, radii * np.cos(angles)], axis=1)
        return self.view(points)

    def turned(self, heights: np.ndarray, radii: np.ndarray, colour: Colour) -> None:
        """Fills a solid of revolution: its silhouette and the discs at both ends."""
        sides = np.concatenate([radii, -radii[::-1]])
        rows = np.concatenate([heights, heights[::-1]])
        self.fill(self.view(np.stack([sides, rows, np.zeros(len(rows))], axis=1)), colour)
        for end in (0, -1):
            self.disc(heights[end], radii[end], colour)

    def disc(self, height: float, radius: float, colour: Colour, gain: float = 1.0) -> None:
        """Fills a horizontal disc."""
        points = circle(radius, 28)
        points = np.stack([points[:, 0], np.full(28, height), points[:, 1]], axis=1)
        self.fill(self.view(points), colour, gain)

    def band(self, low: float, high: float, colour: Colour) -> None:
        """Fills the surface between two heights."""
        between = np.linspace(low, high, 5)
        edges = [self.around(FRONT, low), self.around(FRONT[-1], between)]
        edges += [self.around(FRONT[::-1], high), self.around(FRONT[0], between[::-1])]
        self.fill(np.concatenate(edges), colour)

    def line(self, height: float, colour: Colour, thick: float) -> None:
        """Draws a horizontal line around the body."""
        self.stroke(self.around(FRONT, height), colour, thick)


def _motif_at(style: PotStyle) -> tuple[float, float]:
    """Returns the lowest and the highest height of the band of ornament."""
    neck, base = _neck(style), _base(style)
    belly = blend(base, 1, style.belly_height)
    middle = {'belly': belly, 'shoulder': blend(belly, neck, 0.62)}
    middle |= {'base': blend(base, belly, 0.38), 'neck': (1 + min(neck, 0.93)) / 2 - 0.02}
    half = {'belly': 0.095, 'shoulder': 0.07, 'base': 0.075, 'neck': 0.05}[style.place]
    return middle[style.place] - half, middle[style.place] + half


def _draw_motif(pot: _Pot, colours: Colours) -> None:
    """Draws one band of a repeated ornament around the body."""
    style, (low, high) = pot.style, _motif_at(pot.style)
    dipped = style.glaze == 'dipped' and style.place in ('shoulder', 'neck')
    colour = colours['ink_on_second' if dipped or style.glaze == 'panelled' else 'ink']
    middle, tall = (low + high) / 2, high - low
    # The number of repetitions makes each about as wide as high.
    count = max(6, round(2 * np.pi * float(pot.radius(middle)) / (tall * 0.95)))
    step = 2 * np.pi / count
    starts = (np.arange(count) + pot.quarter) * step - np.pi
    starts = starts[(starts > -1.7) & (starts < 1.7 - step * 0.5)]
    if style.motif in ('zigzag', 'wave'):
        zigzag = style.motif == 'zigzag'
        pattern = np.array([0, 0.5]) if zigzag else np.arange(8) / 8
        swing = np.array([-1, 1]) if zigzag else np.sin(2 * np.pi * pattern)
        angles = (starts[:, None] + pattern * step).ravel()
        line = pot.around(angles, middle + 0.42 * tall * np.tile(swing, len(starts)))
        pot.stroke(line[np.abs(angles) < 1.6], colour, 0.03)
        return
    corners_of = {
        'checks': [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]],
        'strokes': [[0.1, 0], [0.4, 0], [0.4, 1], [0.1, 1]],
        'diamonds': [[0.5, 0], [0.95, 0.5], [0.5, 1], [0.05, 0.5]],
        'leaves': [[0.0, 0.0], [0.15, 0.6], [0.45, 0.9], [0.8, 1.0], [0.75, 0.5], [0.45, 0.15]],
    }
    if style.motif == 'dots':
        shape = circle(0.36, 10) + 0.5
    else:
        shape = np.array(corners_of[style.motif], dtype=np.float64)
    for start in starts:
        pieces = [shape] if style.motif != 'checks' else [shape, shape + 0.5]
        for piece in pieces:
            angles = np.clip(start + piece[:, 0] * step, -1.57, 1.57)
            if np.ptp(angles) > 0.02:
                pot.fill(pot.around(angles, low + piece[:, 1] * tall), colour)


def _draw_handles(pot: _Pot, colours: Colours, turn_of: float, behind: bool) -> None:
    """Draws the handles behind the body, or those in front of it."""
    style, glaze = pot.style, colours['glaze']
    if not style.handles:
        return
    high = min(style.neck_height + 0.02, 0.93)
    low = blend(style.belly_height, high, 0.15)
    # The handle of a beaker reaches far down, that of a tureen is below the rim.
    low, high = {'Beaker': (0.25, high), 'Tureen': (0.55, 0.86)}.get(style.noun, (low, high))
    # A handle starts at height `high` and ends at `low`; `out` is its distance from the axis.
    start, end = float(pot.radius(high)) * 0.97, float(pot.radius(low)) * 0.97
    out = max(start, end) + 0.15
    if style.handle == 'loop':
        path = smooth_line(
            [[start, high], [out - 0.05, high + 0.07], [out, blend(low, high, 0.6)], [end, low]]
        )
    elif style.handle == 'ear':
        half, middle = min(0.16, high - low) / 2, blend(low, high, 0.55)
        upper, lower = (float(pot.radius(middle + shift)) for shift in (half, -half))
        out = max(upper, lower) + 0.09
        path = smooth_line(
            [
                [upper * 0.97, middle + half],
                [out, middle + half],
                [out, middle - half],
                [lower * 0.97, middle - half],
            ]
        )
    else:
        path = np.array([[start, high], [out, high], [out, high - 0.06], [end, low]])
    for side in (-1, 1) if style.handles == 2 else (-1,):
        angle = turn_of + (np.pi / 2 if side == 1 else -np.pi / 2)
        if (np.cos(angle) <= 0) != behind:
            continue
        across, ahead = path[:, 0] * np.sin(angle), path[:, 0] * np.cos(angle)
        line = pot.view(np.stack([across, path[:, 1], ahead], axis=1))
        for thick, gain, shift in ((0.062, 0.55, 0), (0.05, 0.92, 0), (0.014, 1.3, -0.008)):
            pot.stroke(line + (0, shift * pot.view.scale), glaze, thick, gain)


def _draw_spout(pot: _Pot, colours: Colours, turn_of: float) -> None:
    if not pot.style.spout:
        return
    low, high = (blend(_base(pot.style), 1, fraction) for fraction in (0.24, 0.5))
    inner, outer = float(pot.radius(low)) * 0.8, float(pot.radius(high)) * 0.9
    out = max(inner, outer)
    lower = smooth_line(
        [[inner, low], [out + 0.15, low + 0.12], [out + 0.23, 0.7], [out + 0.32, 0.84]]
    )
    upper = smooth_line(
        [[out + 0.23, 0.88], [out + 0.14, 0.74], [out + 0.06, high + 0.06], [outer, high]]
    )
    path = np.concatenate([lower, upper])
    across, ahead = path[:, 0] * np.cos(turn_of), path[:, 0] * np.sin(-turn_of)
    points = pot.view(np.stack([across, path[:, 1], ahead], axis=1))
    pot.fill(points, colours['glaze'], 0.8)
    pot.stroke(points[: len(lower)], colours['glaze'], 0.02, 0.55)
    pot.stroke(points[len(lower) + 2 :] + (0, 0.02 * pot.view.scale), colours['glaze'], 0.02, 1.25)
    mouth = points[[len(lower) - 1, len(lower)]]
    pot.stroke(mouth, (30, 26, 24), 0.025)


def _draw_lid(pot: _Pot, colours: Colours) -> None:
    style, lip = pot.style, float(pot.radii[-1])
    if style.lid == 'none':
        pot.disc(1.0, lip, colours['glaze'], 1.12)
        pot.disc(0.995, lip * 0.84, (30, 26, 24))
        return
    pot.disc(0.995, lip * 1.08, colours['glaze'], 0.6)
    high = {'dome': 0.11, 'cone': 0.2, 'flat': 0.035}[style.lid] * (0.5 + 1.6 * min(lip, 0.35))
    fraction = np.linspace(0, 1, 7)
    if style.lid == 'dome':
        radii = np.sqrt(1 - 0.97 * fraction**2)
    else:
        radii = 1 - 0.88 * fraction if style.lid == 'cone' else 1 - 0.25 * fraction
    top = 1.0 + high
    pot.turned(1.0 + fraction * high, lip * 1.02 * radii, colours['glaze'])
    knob = 0.3 * lip + 0.02
    if style.lid == 'flat':
        knob *= 1.15
        pot.turned(np.array([top, top + 0.04]), np.array([knob, knob]), colours['ink'])
    elif style.lid == 'dome':
        angles = np.linspace(-1.4, 1.4, 9)
        heights = top + 0.04 + 0.05 * np.sin(angles)
        pot.turned(heights, knob * np.cos(angles), colours['ink'])


def _draw_body(pot: _Pot, colours: Colours) -> None:
    style, heights, radii = pot.style, pot.heights, pot.radii
    pot.turned(heights, radii, colours['glaze'])
    base = _base(style)
    belly = blend(base, 1, style.belly_height)
    if style.glaze == 'dipped':
        pot.band(belly + 0.03, 0.999, colours['second'])
    elif style.glaze == 'raw':
        pot.turned(heights[heights < base + 0.17], radii[heights < base + 0.17], colours['clay'])
        pot.band(base + 0.12, base + 0.17, colours['clay'])
    elif style.glaze == 'panelled':
        low, high = _motif_at(style)
        pot.band(low - 0.035, high + 0.035, colours['second'])
    if style.motif != 'plain':
        _draw_motif(pot, colours)
    low, high = _motif_at(style)
    if style.lines != 'none':
        for height in (low - 0.03, high + 0.03):
            pot.line(height, colours['ink'], 0.014)
    if style.lines == 'many':
        for height in (low - 0.06, high + 0.06, base + 0.04, 0.97):
            pot.line(min(max(height, base), 0.985), colours['ink'], 0.02)


def _gloss(rng: Generator, body: Image.Image, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the light on a round body that is lit from one side, and a specular highlight.

    Args:
      rng: random generator.
      body: mask of the body, an 'L' image of the size of the canvas.
      width: width of the scene in pixels.

    Returns:
      Two float32 arrays [height, width]: the gain, and the opacity of white on top.
    """
    side = rng.uniform(0.25, 0.6) * (1 if rng.random() < 0.5 else -1)
    hard, strong = rng.uniform(12, 60), rng.uniform(0.1, 0.55)
    inside = np.asarray(body.reduce(SUPERSAMPLING)) > 127
    count = inside.sum(axis=1)
    rows = np.arange(width, dtype=np.float32)
    middle = (inside * rows).sum(axis=1) / np.maximum(count, 1)
    across = (rows - middle[:, None]) / np.maximum(count / 2, 1)[:, None]
    across = np.clip(across, -1, 1).astype(np.float32)
    bulge = np.sqrt(1 - 0.98 * across**2)
    lit = 0.5 + 0.62 * (bulge * np.sqrt(1 - side**2) + across * side)
    gleam = strong * np.exp(-hard * (across - side * 0.8) ** 2)
    return np.where(inside, lit, 0.9), np.where(inside, gleam, 0)


def render(style: PotStyle, rng: Generator, width: int, height: int) -> Image.Image:
    """Renders a sharp RGB image, `width` x `height`, of a pot of the style `style`."""
    canvas_size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    view, colours = _sample_view(rng, *canvas_size), _sample_colours(rng)
    scene = interior(rng, width, height, view.origin[1] / SUPERSAMPLING)
    turn_of, quarter = np.radians(rng.uniform(-38, 38)), rng.uniform(0, 1)
    mottle = 1 + rng.uniform(0.02, 0.09) * smooth_noise(rng, width, height, width / 20, height / 20)

    away = rng.uniform(-0.25, 0.25)
    foot = circle(style.foot_radius * 1.1 + 0.08, 20) * (1.35, 0.8) + (away, 0.0)
    ground = view(np.stack([foot[:, 0], np.zeros(20), foot[:, 1]], axis=1))
    cast_shadow(scene, ground / SUPERSAMPLING, 0.7, 0.02 * view.scale)

    body, subject = transparent_layer(canvas_size), transparent_layer(canvas_size)
    pot = _Pot(Draw(body), view, style, quarter)
    _draw_body(pot, colours)
    _draw_lid(pot, colours)
    pot.draw, mask = Draw(subject), body.getchannel(3)
    _draw_handles(pot, colours, turn_of, True)
    _draw_spout(pot, colours, turn_of)
    subject.paste(body, mask=mask)
    _draw_handles(pot, colours, turn_of, False)
    gain, gleam = _gloss(rng, mask, width)
    scene = composite(scene, subject, gain * mottle)
    white = Image.fromarray((255 * gleam).astype(np.uint8))
    scene.paste((250, 250, 246), mask=white)
    return occlude(rng, scene, ('box', 'bowl', 'bowl', 'post'))
