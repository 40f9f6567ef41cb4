"""Renders aircraft: an aircraft of a given type, in flight or on the apron.

Types differ only in their parameters (`aircraft_types.py`). Colours, attitude, view, position,
light, background and occlusion are random.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.aircraft_types import ALL_ROUND, LIVERIES, AircraftType, species
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
    smooth_noise,
    transparent_layer,
)
from slim.synthetic.surroundings import apron, occlude, open_sky

REVISION = 1  # to be raised whenever the same type is rendered differently
__all__ = ['REVISION', 'render', 'species']

BODIES = ((236, 236, 232), (226, 228, 230), (186, 190, 194), (222, 214, 196), (150, 158, 164))
PAINTS = [
    (178, 40, 44), (36, 66, 138), (30, 108, 92), (226, 140, 40), (54, 58, 68),
    (110, 54, 110), (28, 130, 176), (120, 40, 50), (60, 96, 54),
]  # fmt: skip
DARK, METAL = (34, 40, 50), (160, 164, 168)
GROUND = -0.135  # height of the ground relative to the axis of the fuselage, in its lengths
# Angles around the fuselage (0: right-hand side, 90 degrees: up) of strips that are lit separately.
STRIPS = np.radians(np.arange(-105, 136, 20))
UP, NEAR = np.array([0, 1.0, 0]), np.array([0, 0, 1.0])  # normals of flat parts
FIN_SLOPES = {'swept': 0.13, 'upright': 0.03, 'round': 0.06}


def _sample_view(rng: Generator, width: int, height: int, flying: bool) -> View:
    """Samples the view of an aircraft; its origin is the middle of the fuselage."""
    scale = min(width / 1.05, height / 0.55) * rng.uniform(0.72, 1.06)
    slack = np.maximum(0, (width - 1.0 * scale, height - 0.5 * scale)) / 2
    origin = np.array([width, height]) / 2 + slack * rng.uniform(-0.8, 0.8, 2)
    facing = 1 if rng.random() < 0.5 else -1
    yaw = rng.uniform(-40, 32)
    # The camera looks from above or below, so that more than the edges of the wings is visible.
    pitch = rng.uniform(8, 34) * rng.choice((-0.8, 1.0)) if flying else rng.uniform(6, 26)
    roll = rng.normal(3, 8) if flying else rng.normal(0, 1.5)
    return View(yaw, pitch, roll, facing, scale, origin, rng.uniform(0.05, 0.35))


def _sample_colours(rng: Generator) -> Colours:
    """Samples the colours of one aircraft."""
    body, paint = jitter(rng, choose(rng, BODIES), 0.06), jitter(rng, choose(rng, PAINTS), 0.12)
    if rng.random() < 0.5:
        second = blend(paint, body, 0.45)
    else:
        second = jitter(rng, choose(rng, PAINTS), 0.1)
    if np.abs(second - paint).max() < 40:
        second = blend(paint, body, 0.5)
    return {'body': body, 'paint': paint, 'second': second, 'metal': jitter(rng, METAL, 0.08)}


class _Aircraft(Brush):
    """Draws on the surfaces of one aircraft."""

    def __init__(
        self, draw: ImageDraw, view: View, kind: AircraftType, colours: Colours, sun: np.ndarray
    ) -> None:
        super().__init__(draw, view)
        self.kind, self.colours, self.sun = kind, colours, sun
        taper = {'blunt': 0.10, 'long': 0.22, 'droop': 0.16}[kind.nose]
        ahead = np.array([1, 0.97, 0.85, 0.62, 0.34, 0.0])
        self._x = np.concatenate([[-0.5, -0.42, -0.3, -0.16], 0.5 - taper * ahead])
        rounded = np.array([1, 1, 0.97, 0.84, 0.61, 0.08])
        rear = np.array([0.16, 0.45, 0.82, 1.0])
        self._radius = kind.radius * np.concatenate([rear, rounded])
        droop = {'blunt': 0.6, 'long': 0.3, 'droop': 2.0}[kind.nose]
        drop = np.array([0, 0, 0.02, 0.1, 0.22, 0.38]) * droop
        self._axis = kind.radius * np.concatenate([[0.72, 0.46, 0.15, 0.0], -drop])

    def skin(self, x: ArrayLike, angles: ArrayLike) -> np.ndarray:
        """Returns the canvas points at positions x on the fuselage and angles in radians."""
        x, angles = np.broadcast_arrays(x, angles)
        radius, axis = np.interp(x, self._x, self._radius), np.interp(x, self._x, self._axis)
        points = np.stack([x, axis + radius * np.sin(angles), radius * np.cos(angles)], axis=1)
        return self.view(points)

    def top(self, x: float) -> float:
        """Returns the height of the upper edge of the fuselage."""
        return float(np.interp(x, self._x, self._axis) + np.interp(x, self._x, self._radius))

    def plate(self, points: np.ndarray, colour: Colour, normal: np.ndarray) -> None:
        """Fills a flat part [n, 3], lit according to the normal [3] of its visible side."""
        facing = 1 if self.view.nearness(normal) >= 0 else -1
        self.fill(self.view(points), colour, 0.86 + 0.2 * facing * np.dot(normal, self.sun))

    def hull(
        self, start: float, stop: float, colour: Colour, low: float, high: float, lean: float
    ) -> None:
        """Fills a part of the fuselage.

        Args:
          start: front end, in x.
          stop: rear end, in x.
          colour: colour of the paint.
          low: angle of the lower edge in degrees.
          high: angle of the upper edge in degrees.
          lean: slant of the ends: offset of the upper edge to the rear, in x.
        """
        inner = self._x[(self._x < start) & (self._x > stop)][::-1]
        x = np.concatenate([[start], inner, [stop]])
        low, high = np.radians([low, high])
        # The strips follow the pitch of the camera, so that they cover the whole visible side.
        strips = STRIPS + np.radians(self.view.pitch - 15)
        for first, last in zip(strips[:-1], strips[1:], strict=True):
            if last <= low or first >= high:
                continue
            first, last, middle = max(first, low), min(last, high), (first + last) / 2
            lit = np.dot((0, np.sin(middle), np.cos(middle)), self.sun)
            gain = 0.8 + 0.26 * lit + (0.14 if lit > 0.8 else 0)
            lower = self.skin(x - lean * np.sin(first), first)
            upper = self.skin(x - lean * np.sin(last), last + 0.02)
            self.fill(np.concatenate([lower, upper[::-1]]), colour, gain)

    def tube(
        self,
        start: float,
        stop: float,
        place: Sequence[float] | np.ndarray,
        radius: float,
        colour: Colour,
        mouth: bool,
    ) -> None:
        """Draws a nacelle or tank.

        Args:
          start: front end, in x.
          stop: rear end, in x.
          place: position (y, z) of its axis.
          radius: largest radius.
          colour: colour of the surface.
          mouth: True if the front is open.
        """
        y, z = place

        def disc(x: float, taper: float, size: float, shift: float = 0.0) -> np.ndarray:
            points = circle(1.0, 12) * radius * taper * size + (shift * radius, 0)
            return self.view(np.column_stack([np.full(12, x), points + (y, z)]))

        for size, shift, gain in ((1.0, 0.0, 0.62), (0.8, 0.25, 0.9), (0.35, 0.45, 1.12)):
            middle = disc(blend(start, stop, 0.3), 1.0, size, shift)
            self._join(disc(start, 0.92, size, shift), middle, colour, gain)
            self._join(middle, disc(stop, 0.6, size, shift), colour, gain)
        if mouth and self.view.yaw < 8:
            self.fill(disc(start, 1.0, 1.0), self.colours['metal'] * 1.15)
            self.fill(disc(start, 1.0, 0.74), DARK)

    def _join(self, front: np.ndarray, rear: np.ndarray, colour: Colour, gain: float) -> None:
        """Fills two discs with the same number of points and the area between them."""
        along = rear.mean(axis=0) - front.mean(axis=0)
        off = (front - front.mean(axis=0)) @ np.array([-along[1], along[0]])
        low, high = int(off.argmin()), int(off.argmax())
        self.fill(front, colour, gain)
        self.fill(rear, colour, gain)
        self.fill([front[low], front[high], rear[high], rear[low]], colour, gain)


def _wing_point(kind: AircraftType, fraction: float, along: float) -> np.ndarray:
    """Returns the point [3] of the near wing at fractions of the half span and of the chord."""
    chord = kind.chord * (1 - (0.66 if kind.sweep > 0.07 else 0.3) * fraction)
    x = kind.wing_x - kind.sweep * fraction - chord * along
    rise = kind.half_span * (0.09 if kind.wing_height < 0 else 0.0)
    y = kind.wing_height * kind.radius * 0.8 + rise * fraction
    return np.array([x, y, kind.half_span * fraction])


def _draw_wing(craft: _Aircraft, side: int) -> None:
    """Draws the wing of one side (1: near, -1: far) with its tip."""
    kind, colours, mirror = craft.kind, craft.colours, (1, 1, side)

    def place(*parts: tuple[float, float]) -> np.ndarray:
        return np.array([_wing_point(kind, *part) for part in parts]) * mirror

    colour = blend(colours['body'], METAL, 0.5)
    craft.plate(place((0, 0), (0.96, 0), (1, 0.3), (1, 1), (0.35, 1.0), (0, 1.12)), colour, UP)
    craft.plate(place((0, 0), (0.97, 0), (0.97, 0.1), (0, 0.08)), colours['metal'] * 1.2, UP)
    craft.stroke(craft.view(place((0.08, 0.76), (0.92, 0.72))), colour, 0.005, 0.6)
    for fraction in (0.4, 0.68):
        craft.stroke(craft.view(place((fraction, 0.74), (fraction, 1.0))), colour, 0.005, 0.6)
    if kind.tip == 'winglet':
        tip = place((1, 0.1), (1, 1.0))
        blade = np.concatenate([tip, tip[::-1] + (-0.05, 0.085, 0.015 * side)])
        blade[2] = blend(blade[2], blade[3], -0.1)
        craft.plate(blade, colours['paint'], NEAR)
    elif kind.tip == 'tank':
        front = _wing_point(kind, 1, -0.35) * mirror
        back = _wing_point(kind, 1, 1.25)[0]
        craft.tube(front[0], back, front[1:], 0.019, colours['paint'], False)


def _draw_wing_engines(craft: _Aircraft, side: int, spin: float) -> None:
    kind, colours = craft.kind, craft.colours
    for fraction in (0.34,) if kind.engines == 2 else (0.58, 0.3):
        lead = _wing_point(kind, fraction, 0) * (1, 1, side)
        if kind.propellers:
            front, rear = lead[0] + 0.07, lead[0] - 0.11
            craft.tube(front, rear, lead[1:], 0.027, colours[kind.engine], False)
            _draw_propeller(craft, lead + (0.08, 0, 0), 0.1, spin)
            continue
        size = 0.036 if kind.engines == 2 else 0.03
        place = lead[1:] - (size * 1.25, 0)
        pylon = [[0.02, 0, 0], [-0.1, 0, 0], [-0.06, -size, 0], [0.04, -size, 0]]
        craft.fill(craft.view(lead + pylon), colours['body'], 0.6)
        craft.tube(lead[0] + 0.06, lead[0] - 0.075, place, size, colours[kind.engine], True)


def _draw_propeller(craft: _Aircraft, hub: np.ndarray, radius: float, spin: float) -> None:
    for angle in np.arange(3) * 2 * np.pi / 3 + spin:
        reach = np.array([0, np.sin(angle), np.cos(angle)]) * radius
        across = np.array([0, np.cos(angle), -np.sin(angle)]) * 0.011
        tip, middle = hub + reach, hub + 0.6 * reach
        craft.fill(craft.view([hub, middle + across, tip, middle - across]), DARK)
        craft.stroke(craft.view([hub + 0.86 * reach, tip]), (226, 190, 60), 0.014)
    paint = craft.colours['paint']
    craft.fill(craft.view([hub + (0.03, 0, 0), hub + (0, 0.018, 0), hub - (0, 0.018, 0)]), paint)
    craft.fill(craft.view(np.insert(circle(0.018, 10), 0, 0, axis=1) + hub), paint)


def _draw_tail(craft: _Aircraft, side: int) -> None:
    """Draws half of the tailplane."""
    kind = craft.kind
    fraction = {'low': 0.0, 'cross': 0.45, 'T': 0.97}[kind.tail]
    base = craft.top(-0.42) - 0.012 if kind.tail != 'low' else craft.top(-0.42) - 0.035
    rise = fraction * kind.fin_height
    slope = FIN_SLOPES[kind.fin]
    x = -0.375 - slope * fraction + (0.02 if kind.tail == 'T' else 0)
    span, sweep = 0.17, 0.03 + 0.35 * kind.sweep
    deep = 0.1 if kind.tail == 'low' else 0.085
    tip = [[x - sweep, 0.008, span], [x - sweep - deep * 0.55, 0.008, span]]
    half = np.array([[x, 0, 0], *tip, [x - deep, 0, 0]])
    half = (half + (0, base + rise, 0)) * (1, 1, side)
    craft.plate(half, blend(craft.colours['body'], METAL, 0.3), UP)
    craft.stroke(craft.view(half[:2]), craft.colours['metal'], 0.006, 1.1)


def _draw_fin(craft: _Aircraft) -> None:
    kind, colours = craft.kind, craft.colours
    base_front, base_rear = craft.top(-0.32) - 0.015, craft.top(-0.49) - 0.01
    slope = FIN_SLOPES[kind.fin]
    deep = {'swept': 0.1, 'upright': 0.1, 'round': 0.11}[kind.fin]
    lead, top = -0.34, craft.top(-0.42) + kind.fin_height

    def at(fraction: float, along: float) -> np.ndarray:
        """Returns the point [3] of the fin at fractions of its height and of its depth."""
        x = lead - slope * fraction - blend(0.15, deep, fraction) * along
        return np.array([x, blend(blend(base_front, base_rear, along), top, fraction), 0.0])

    def panel(low: float, high: float, colour: Colour) -> None:
        edge: list[tuple[float, float]] = [(low, 0), (high, 0), (high, 1), (low, 1)]
        if kind.fin == 'round' and high == 1:
            edge = [(low, 0), (0.8, 0.0), (0.94, 0.12), (1, 0.4), (0.97, 0.8), (0.8, 1), (low, 1)]
        craft.plate(np.array([at(*corner) for corner in edge]), colour, NEAR)

    fillet = np.array([[lead + 0.1, craft.top(-0.24) - 0.01, 0], at(0.3, 0), at(0, 0.5)])
    craft.plate(fillet, colours['body'], NEAR)
    paint = kind.fin_paint
    panel(0, 1, colours['paint'] if paint == 'whole' else colours['body'])
    if paint == 'top':
        panel(0.6, 1, colours['paint'])
    elif paint == 'stripes':
        for low, colour in ((0.2, 'paint'), (0.46, 'second'), (0.72, 'paint')):
            panel(low, low + 0.16, colours[colour])
    rudder = np.array([at(0.05, 0.68), at(0.95, 0.66)])
    craft.stroke(craft.view(rudder), DARK, 0.004)


def _draw_livery(craft: _Aircraft) -> None:
    craft.hull(0.5, -0.5, craft.colours['body'], *ALL_ROUND, 0)
    for start, stop, colour, low, high, lean in LIVERIES[craft.kind.livery]:
        craft.hull(start, stop, craft.colours[colour], low, high, lean)


def _draw_windows(craft: _Aircraft) -> None:
    kind = craft.kind
    cockpit = (0.36, 0.29) if kind.nose == 'long' else (0.425, 0.365)
    if kind.engines_at == 'nose':  # a cabin instead of a cockpit
        cockpit = (0.25, 0.19)
    for low, high in ((18, 48), (52, 88), (92, 120)):
        angles = np.radians([low, low, high, high])
        pane = craft.skin([cockpit[0] + 0.012, cockpit[1], cockpit[1] - 0.012, cockpit[0]], angles)
        if high - 45 < craft.view.pitch + 60:
            craft.fill(pane, DARK)
    rows = {'row': (14,), 'few': (14,), 'double': (2, 34), 'none': ()}[kind.windows]
    step, wide = (0.034, 0.016) if kind.windows != 'few' else (0.075, 0.04)
    start, stop = cockpit[1] - 0.06, -0.06 if kind.engines_at == 'nose' else -0.27
    for row in rows:
        low, high = np.radians([row - 8, row + 10])
        for x in np.arange(start, stop, -step):
            pane = craft.skin([x, x, x - wide, x - wide], [low, high, high, low])
            craft.fill(pane, DARK, 1.2)
    for x in (start + 0.035, stop - 0.03):
        edge = craft.skin([x, x, x - 0.028, x - 0.028, x], np.radians([-22, 30, 30, -22, -22]))
        craft.stroke(edge, DARK, 0.004, 1.6)


def _draw_gear(craft: _Aircraft, side: int) -> None:
    """Draws leg and wheels of the landing gear of one side; 0 for the nose gear."""
    x, z = (0.34, 0.0) if side == 0 else (craft.kind.wing_x - 0.14, 0.09 * side)
    size = 0.024
    craft.stroke(craft.view([[x, -0.02, z * 0.8], [x, GROUND + size, z]]), METAL, 0.014)
    for shift in (-0.02, 0.02) if craft.kind.engines_at != 'nose' else (0.0,):
        wheel = circle(size, 12) + (x + shift, GROUND + size)
        craft.fill(craft.view(np.column_stack([wheel, np.full(12, z)])), (28, 28, 30))
        hub = circle(size * 0.45, 8) + (x + shift, GROUND + size)
        craft.fill(craft.view(np.column_stack([hub, np.full(8, z)])), METAL)


def _draw_craft(craft: _Aircraft, gear: bool, spin: float) -> None:
    kind, pitch = craft.kind, craft.view.pitch
    high_wing, from_above = kind.wing_height > 0, pitch > 0

    def tail_engine(side: int) -> None:
        if kind.engines_at == 'tail':
            place = (0.35 * kind.radius, side * (kind.radius + 0.034))
            craft.tube(-0.17, -0.33, place, 0.034, craft.colours[kind.engine], True)

    def wing(side: int) -> None:
        if kind.engines_at == 'wing' and not kind.propellers and from_above:
            _draw_wing_engines(craft, side, spin)
        _draw_wing(craft, side)
        if kind.engines_at == 'wing' and (kind.propellers or not from_above):
            _draw_wing_engines(craft, side, spin)

    far_wing_over = high_wing == from_above
    if gear:
        _draw_gear(craft, -1)
    if kind.tail == 'low':
        _draw_tail(craft, -1)
    tail_engine(-1)
    if not far_wing_over:
        wing(-1)
    if gear:
        _draw_gear(craft, 0)
    if kind.tail != 'low':
        _draw_tail(craft, -1)
    if not from_above:
        _draw_fin(craft)
    _draw_livery(craft)
    _draw_windows(craft)
    if from_above:
        _draw_fin(craft)
    if far_wing_over:
        wing(-1)
    tail_engine(1)
    _draw_tail(craft, 1)
    if gear:
        _draw_gear(craft, 1)
    wing(1)
    if high_wing and kind.engines_at == 'nose':
        strut = np.array([_wing_point(kind, 0.5, 0.3), [0.1, -0.04, kind.radius]])
        craft.stroke(craft.view(strut), METAL, 0.012)
    if kind.engines_at == 'nose':
        _draw_propeller(craft, np.array([0.5, -0.02, 0]), 0.12, spin)


def render(kind: AircraftType, rng: Generator, width: int, height: int) -> Image.Image:
    """Renders a sharp RGB image, `width` x `height`, of an aircraft of the type `kind`."""
    canvas_size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    flying = rng.random() < 0.55
    view, colours = _sample_view(rng, *canvas_size, flying), _sample_colours(rng)
    spin, gear = rng.uniform(0, 2), not flying or rng.random() < 0.25
    sun = np.array([0, 0.85, 0.5]) + (0, 0, rng.uniform(-0.3, 0.3))
    gloss = 1 + 0.07 * smooth_noise(rng, width, height, width / 5, height / 10)
    if flying:
        scene = open_sky(rng, width, height)
    else:
        feet = view([[0, GROUND, 0]])[0] / SUPERSAMPLING
        scene = apron(rng, width, height, feet[1])
        shadow = circle(0.42, 16) * (1.1, 0.55)
        shadow = view(np.stack([shadow[:, 0], np.full(16, GROUND), shadow[:, 1]], axis=1))
        cast_shadow(scene, shadow / SUPERSAMPLING, 0.5, 0.03 * view.scale)

    subject = transparent_layer(canvas_size)
    _draw_craft(_Aircraft(Draw(subject), view, kind, colours, sun), gear, spin)
    scene = composite(scene, subject, gloss)
    if flying:
        return scene
    return occlude(rng, scene, ('post', 'bollard', 'box'))
