"""The family of aircraft: an aircraft of a given type, in flight or on the apron, by chance.

What tells a type lies in its parameters (`aircraft_types.py`); the livery's colours, attitude,
view, place, light, the sky or the apron and what hides a part of it are left to chance.
"""

import numpy as np
from PIL import ImageDraw

from slim.synthetic.aircraft_types import species
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    View,
    cast_shadow,
    choose,
    clear_layer,
    cloudy,
    corners,
    ink,
    lay_over,
    mix,
    ring,
    vary,
)
from slim.synthetic.surroundings import apron, hide_a_little, open_sky

REVISION = 1  # raise it when the same type is drawn differently
__all__ = ['REVISION', 'draw', 'species']

BODIES = ((236, 236, 232), (226, 228, 230), (186, 190, 194), (222, 214, 196), (150, 158, 164))
PAINTS = ((178, 40, 44), (36, 66, 138), (30, 108, 92), (226, 140, 40), (54, 58, 68))
PAINTS += ((110, 54, 110), (28, 130, 176), (120, 40, 50), (60, 96, 54))
DARK, METAL = (34, 40, 50), (160, 164, 168)
GROUND = -0.135  # height of the ground under the fuselage's axis, in its lengths
# Round the fuselage, 0 towards the right-hand side, 90 up: strips are lit by where they face.
STRIPS = np.radians(np.arange(-105, 136, 20))


def _view(rng, width, height, flying):
    """A chance view of any aircraft, whose fuselage's middle is at the view's origin."""
    scale = min(width / 1.05, height / 0.55) * rng.uniform(0.72, 1.06)
    slack = np.maximum(0, (width - 1.0 * scale, height - 0.5 * scale)) / 2
    origin = np.array([width, height]) / 2 + slack * rng.uniform(-0.8, 0.8, 2)
    facing = 1 if rng.random() < 0.5 else -1
    yaw = rng.uniform(-40, 32)
    # From above or below, so that the wings are seen and not only their edges.
    pitch = rng.uniform(8, 34) * rng.choice((-0.8, 1.0)) if flying else rng.uniform(6, 26)
    roll = rng.normal(3, 8) if flying else rng.normal(0, 1.5)
    return View(yaw, pitch, roll, facing, scale, origin, rng.uniform(0.05, 0.35))


def _individual(rng):
    """The colours of one aircraft, by the part they are for."""
    body, paint = vary(rng, choose(rng, BODIES), 0.06), vary(rng, choose(rng, PAINTS), 0.12)
    second = mix(paint, body, 0.45) if rng.random() < 0.5 else vary(rng, choose(rng, PAINTS), 0.1)
    if np.abs(second - paint).max() < 40:
        second = mix(paint, body, 0.5)
    return {'body': body, 'paint': paint, 'second': second, 'metal': vary(rng, METAL, 0.08)}


class _Aircraft:
    """A brush that draws on the surfaces of one aircraft."""

    def __init__(self, draw, view, kind, colours, sun):
        self.draw, self.view, self.kind, self.colours, self.sun = draw, view, kind, colours, sun
        taper = {'blunt': 0.10, 'long': 0.22, 'droop': 0.16}[kind.nose]
        ahead = np.array([1, 0.97, 0.85, 0.62, 0.34, 0.0])
        self._x = np.concatenate([[-0.5, -0.42, -0.3, -0.16], 0.5 - taper * ahead])
        rounded = np.array([1, 1, 0.97, 0.84, 0.61, 0.08])
        rear = np.array([0.16, 0.45, 0.82, 1.0])
        self._radius = kind.radius * np.concatenate([rear, rounded])
        drop = np.array([0, 0, 0.02, 0.1, 0.22, 0.38])
        drop = drop * {'blunt': 0.6, 'long': 0.3, 'droop': 2.0}[kind.nose]
        axis = np.concatenate([[0.72, 0.46, 0.15, 0.0], -drop])
        self._axis = kind.radius * axis

    def skin(self, x, angles):
        """Canvas points at places x along the fuselage and at angles in radians round it."""
        x, angles = np.broadcast_arrays(x, angles)
        radius, axis = np.interp(x, self._x, self._radius), np.interp(x, self._x, self._axis)
        points = np.stack([x, axis + radius * np.sin(angles), radius * np.cos(angles)], axis=1)
        return self.view(points)

    def top(self, x):
        """Height of the fuselage's upper edge."""
        return float(np.interp(x, self._x, self._axis) + np.interp(x, self._x, self._radius))

    def fill(self, points, colour, gain=1.0):
        self.draw.polygon(corners(points), fill=ink(colour, gain))

    def stroke(self, points, colour, thick, gain=1.0):
        width = self.view.pixels(thick)
        self.draw.line(corners(points), fill=ink(colour, gain), width=width, joint='curve')

    def plate(self, points, colour, normal):
        """Fills a flat part [n, 3], lit by where the side that is seen faces."""
        facing = 1 if self.view.nearness(normal) >= 0 else -1
        self.fill(self.view(points), colour, 0.86 + 0.2 * facing * np.dot(normal, self.sun))

    def hull(self, start, stop, colour, low=-180.0, high=180.0, lean=0.0):
        """Fills the fuselage from x start to stop, between two angles in degrees.

        Args:
            start: the forward end.
            stop: the rear end.
            colour: of the paint.
            low: angle of the lower edge.
            high: angle of the upper edge.
            lean: how much further back the upper edge lies than the lower, in x.
        """
        inner = self._x[(self._x < start) & (self._x > stop)][::-1]
        x = np.concatenate([[start], inner, [stop]])
        low, high = np.radians([low, high])
        # Strips follow the camera's height, so that they always cover all that is seen.
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

    def tube(self, start, stop, place, radius, colour, mouth):
        """A nacelle or a tank along x from start back to stop, its axis at place (y, z)."""
        y, z = place
        light = ((1.0, 0.0, 0.62), (0.8, 0.25, 0.9), (0.35, 0.45, 1.12))
        around = ring(1.0, 12)
        for size, shift, gain in light:
            ends = []
            for x, narrow in ((start, 0.92), (mix(start, stop, 0.3), 1.0), (stop, 0.6)):
                disc = around * radius * narrow * size + (shift * radius, 0)
                ends.append(self.view(np.column_stack([np.full(12, x), disc + (y, z)])))
            for one, other in zip(ends[:-1], ends[1:], strict=True):
                self._join(one, other, colour, gain)
        if mouth and self.view.yaw < 8:
            for size, colour in ((1.0, self.colours['metal'] * 1.15), (0.74, DARK)):
                disc = around * radius * size + (y, z)
                self.fill(self.view(np.column_stack([np.full(12, start), disc])), colour)

    def _join(self, one, other, colour, gain):
        """Fills what two discs of as many points and the way between them cover."""
        along = other.mean(axis=0) - one.mean(axis=0)
        off = (one - one.mean(axis=0)) @ np.array([-along[1], along[0]])
        low, high = int(off.argmin()), int(off.argmax())
        self.fill(one, colour, gain)
        self.fill(other, colour, gain)
        self.fill([one[low], one[high], other[high], other[low]], colour, gain)


def _wing_point(kind, share, along):
    """Point [3] at a share of the half span and of the chord there, on the wing of z above 0."""
    chord = kind.chord * (1 - 0.66 * share) if kind.sweep > 0.07 else kind.chord * (1 - 0.3 * share)
    x = kind.wing_x - kind.sweep * share - chord * along
    rise = kind.half_span * (0.09 if kind.wing_height < 0 else 0.0)
    y = kind.wing_height * kind.radius * 0.8 + rise * share
    return np.array([x, y, kind.half_span * share])


def _draw_wing(craft, side):
    """The wing of one side, 1 for the near, -1 for the far one, with its tip."""
    kind, colours, mirror = craft.kind, craft.colours, (1, 1, side)

    def place(*parts):
        return np.array([_wing_point(kind, *part) for part in parts]) * mirror

    up = np.array([0, 1.0, 0])
    colour = mix(colours['body'], METAL, 0.5)
    craft.plate(place((0, 0), (0.96, 0), (1, 0.3), (1, 1), (0.35, 1.0), (0, 1.12)), colour, up)
    craft.plate(place((0, 0), (0.97, 0), (0.97, 0.1), (0, 0.08)), colours['metal'] * 1.2, up)
    craft.stroke(craft.view(place((0.08, 0.76), (0.92, 0.72))), colour, 0.005, 0.6)
    for share in (0.4, 0.68):
        craft.stroke(craft.view(place((share, 0.74), (share, 1.0))), colour, 0.005, 0.6)
    if kind.tip == 'winglet':
        tip = place((1, 0.1), (1, 1.0))
        blade = np.concatenate([tip, tip[::-1] + (-0.05, 0.085, 0.015 * side)])
        blade[2] = mix(blade[2], blade[3], -0.1)
        craft.plate(blade, colours['paint'], np.array([0, 0, 1.0]))
    elif kind.tip == 'tank':
        front = _wing_point(kind, 1, -0.35) * mirror
        back = _wing_point(kind, 1, 1.25)[0]
        craft.tube(front[0], back, front[1:], 0.019, colours['paint'], False)


def _draw_wing_engines(craft, side, spin):
    kind, colours = craft.kind, craft.colours
    shares = (0.34,) if kind.engines == 2 else (0.58, 0.3)
    for share in shares:
        lead = _wing_point(kind, share, 0) * (1, 1, side)
        size = 0.036 if kind.engines == 2 else 0.03
        if kind.propellers:
            size = 0.027
            place = lead[1:] + (0.0, 0)
            craft.tube(lead[0] + 0.07, lead[0] - 0.11, place, size, colours[kind.engine], False)
            _draw_propeller(craft, np.array([lead[0] + 0.08, *place]), 0.1, spin)
            continue
        place = lead[1:] - (size * 1.25, 0)
        pylon = [[0.02, 0, 0], [-0.1, 0, 0], [-0.06, -size, 0], [0.04, -size, 0]]
        craft.fill(craft.view(lead + pylon), colours['body'], 0.6)
        craft.tube(lead[0] + 0.06, lead[0] - 0.075, place, size, colours[kind.engine], True)


def _draw_propeller(craft, hub, radius, spin):
    for angle in np.arange(3) * 2 * np.pi / 3 + spin:
        reach = np.array([0, np.sin(angle), np.cos(angle)]) * radius
        across = np.array([0, np.cos(angle), -np.sin(angle)]) * 0.011
        tip, middle = hub + reach, hub + 0.6 * reach
        craft.fill(craft.view([hub, middle + across, tip, middle - across]), DARK)
        craft.stroke(craft.view([hub + 0.86 * reach, tip]), (226, 190, 60), 0.014)
    spinner, paint = np.insert(ring(0.018, 10), 0, 0, axis=1) + hub, craft.colours['paint']
    craft.fill(craft.view([hub + (0.03, 0, 0), hub + (0, 0.018, 0), hub - (0, 0.018, 0)]), paint)
    craft.fill(craft.view(spinner), paint)


def _draw_tail(craft, side):
    """One side's half of the tailplane."""
    kind = craft.kind
    share = {'low': 0.0, 'cross': 0.45, 'T': 0.97}[kind.tail]
    base = craft.top(-0.42) - 0.012 if kind.tail != 'low' else craft.top(-0.42) - 0.035
    rise = share * kind.fin_height
    slope = {'swept': 0.13, 'upright': 0.03, 'round': 0.06}[kind.fin]
    x = -0.375 - slope * share + (0.02 if kind.tail == 'T' else 0)
    span, sweep = 0.17, 0.03 + 0.35 * kind.sweep
    deep = 0.1 if kind.tail == 'low' else 0.085
    half = [[x, 0, 0], [x - sweep, 0.008, span], [x - sweep - deep * 0.55, 0.008, span]]
    half = np.array([*half, [x - deep, 0, 0]])
    half = (half + (0, base + rise, 0)) * (1, 1, side)
    craft.plate(half, mix(craft.colours['body'], METAL, 0.3), np.array([0, 1.0, 0]))
    craft.stroke(craft.view(half[:2]), craft.colours['metal'], 0.006, 1.1)


def _draw_fin(craft):
    kind, colours = craft.kind, craft.colours
    tall = kind.fin_height
    base_front, base_rear = craft.top(-0.32) - 0.015, craft.top(-0.49) - 0.01
    slope = {'swept': 0.13, 'upright': 0.03, 'round': 0.06}[kind.fin]
    deep = {'swept': 0.1, 'upright': 0.1, 'round': 0.11}[kind.fin]
    lead, top = -0.34, craft.top(-0.42) + tall

    def at(share, along):
        """Point [3] of the fin at a share of its height and of the depth there."""
        x = lead - slope * share - mix(0.15, deep, share) * along
        return np.array([x, mix(mix(base_front, base_rear, along), top, share), 0.0])

    def panel(low, high, colour):
        edge = [(low, 0), (high, 0), (high, 1), (low, 1)]
        if kind.fin == 'round' and high == 1:
            edge = [(low, 0), (0.8, 0.0), (0.94, 0.12), (1, 0.4), (0.97, 0.8), (0.8, 1), (low, 1)]
        points = np.array([at(*one) for one in edge])
        craft.plate(points, colour, np.array([0, 0, 1.0]))

    fillet = np.array([[lead + 0.1, craft.top(-0.24) - 0.01, 0], at(0.3, 0), at(0, 0.5)])
    craft.plate(fillet, colours['body'], np.array([0, 0, 1.0]))
    paint = kind.fin_paint
    panel(0, 1, colours['paint'] if paint == 'whole' else colours['body'])
    if paint == 'top':
        panel(0.6, 1, colours['paint'])
    elif paint == 'stripes':
        for low, colour in ((0.2, 'paint'), (0.46, 'second'), (0.72, 'paint')):
            panel(low, low + 0.16, colours[colour])
    rudder = np.array([at(0.05, 0.68), at(0.95, 0.66)])
    craft.stroke(craft.view(rudder), DARK, 0.004)


def _draw_livery(craft):
    kind, colours = craft.kind, craft.colours
    paint, second = colours['paint'], colours['second']
    craft.hull(0.5, -0.5, colours['body'])
    if kind.livery == 'cheatline':
        craft.hull(0.47, -0.5, paint, -14, 22)
        craft.hull(0.45, -0.5, second, -26, -14)
    elif kind.livery == 'belly':
        craft.hull(0.5, -0.5, paint, -180, -14)
    elif kind.livery == 'hull':
        craft.hull(0.5, -0.5, paint)
        craft.hull(0.46, -0.5, second, -30, -12)
    elif kind.livery == 'sash':
        craft.hull(0.3, 0.18, paint, lean=0.05)
        craft.hull(0.15, 0.1, second, lean=0.05)
    elif kind.livery == 'rear':
        craft.hull(-0.16, -0.5, paint, lean=0.05)
        craft.hull(-0.1, -0.135, second, lean=0.05)
    elif kind.livery == 'rings':
        for x in (0.38, 0.02, -0.3):
            craft.hull(x, x - 0.055, paint)


def _draw_windows(craft):
    kind = craft.kind
    light = kind.engines_at == 'nose'
    cockpit = (0.36, 0.29) if kind.nose == 'long' else (0.425, 0.365)
    if light:  # a cabin instead of a cockpit
        cockpit = (0.25, 0.19)
    for low, high in ((18, 48), (52, 88), (92, 120)):
        angles = np.radians([low, low, high, high])
        pane = craft.skin([cockpit[0] + 0.012, cockpit[1], cockpit[1] - 0.012, cockpit[0]], angles)
        if high - 45 < craft.view.pitch + 60:
            craft.fill(pane, DARK)
    rows = {'row': (14,), 'few': (14,), 'double': (2, 34), 'none': ()}[kind.windows]
    step, wide = (0.034, 0.016) if kind.windows != 'few' else (0.075, 0.04)
    start, stop = cockpit[1] - 0.06, -0.06 if light else -0.27
    for row in rows:
        low, high = np.radians([row - 8, row + 10])
        for x in np.arange(start, stop, -step):
            pane = craft.skin([x, x, x - wide, x - wide], [low, high, high, low])
            craft.fill(pane, DARK, 1.2)
    for x in (start + 0.035, stop - 0.03):
        edge = craft.skin([x, x, x - 0.028, x - 0.028, x], np.radians([-22, 30, 30, -22, -22]))
        craft.stroke(edge, DARK, 0.004, 1.6)


def _draw_gear(craft, side):
    """Legs and wheels down to the ground; side 0 is the nose's."""
    x, z = (0.34, 0.0) if side == 0 else (craft.kind.wing_x - 0.14, 0.09 * side)
    size = 0.024
    craft.stroke(craft.view([[x, -0.02, z * 0.8], [x, GROUND + size, z]]), METAL, 0.014)
    for shift in (-0.02, 0.02) if craft.kind.engines_at != 'nose' else (0.0,):
        wheel = ring(size, 12) + (x + shift, GROUND + size)
        craft.fill(craft.view(np.column_stack([wheel, np.full(12, z)])), (28, 28, 30))
        hub = ring(size * 0.45, 8) + (x + shift, GROUND + size)
        craft.fill(craft.view(np.column_stack([hub, np.full(8, z)])), METAL)


def _draw_craft(craft, gear, spin):
    kind, pitch = craft.kind, craft.view.pitch
    high_wing, from_above = kind.wing_height > 0, pitch > 0

    def tail_engine(side):
        if kind.engines_at == 'tail':
            place = (0.35 * kind.radius, side * (kind.radius + 0.034))
            craft.tube(-0.17, -0.33, place, 0.034, craft.colours[kind.engine], True)

    def wing(side):
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
        strut = [_wing_point(kind, 0.5, 0.3), [0.1, -0.04, kind.radius]]
        craft.stroke(craft.view(strut), METAL, 0.012)
    if kind.engines_at == 'nose':
        _draw_propeller(craft, np.array([0.5, -0.02, 0]), 0.12, spin)


def draw(kind, rng, width, height):
    """A sharp RGB image, `width` by `height`, of an aircraft of the type `kind`, `AircraftType`."""
    large = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    flying = rng.random() < 0.55
    view, colours = _view(rng, *large, flying), _individual(rng)
    spin, gear = rng.uniform(0, 2), not flying or rng.random() < 0.25
    sun = np.array([0, 0.85, 0.5]) + (0, 0, rng.uniform(-0.3, 0.3))
    gloss = 1 + 0.07 * cloudy(rng, width, height, width / 5, height / 10)
    if flying:
        scene = open_sky(rng, width, height)
    else:
        feet = view([[0, GROUND, 0]])[0] / SUPERSAMPLING
        scene = apron(rng, width, height, feet[1])
        shadow = ring(0.42, 16) * (1.1, 0.55)
        shadow = view(np.stack([shadow[:, 0], np.full(16, GROUND), shadow[:, 1]], axis=1))
        cast_shadow(scene, shadow / SUPERSAMPLING, 0.5, 0.03 * view.scale)

    figure = clear_layer(large)
    _draw_craft(_Aircraft(ImageDraw.Draw(figure), view, kind, colours, sun), gear, spin)
    scene = lay_over(scene, figure, gloss)
    if flying:
        return scene
    return hide_a_little(rng, scene, ('post', 'bollard', 'box'))
