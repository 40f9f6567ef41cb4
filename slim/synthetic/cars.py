"""Renders cars: a parked car of a given model from a random viewpoint.

Models differ only in their parameters (`car_models.py`). Colours, view, position, light, street and
occlusion are random.
"""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.car_models import CarModel, species
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
from slim.synthetic.surroundings import occlude, street

REVISION = 1  # to be raised whenever the same model is rendered differently
__all__ = ['REVISION', 'render', 'species']

PAINTS = [
    (226, 226, 222), (168, 172, 176), (58, 60, 66), (168, 40, 38), (44, 76, 134),
    (40, 92, 74), (218, 176, 60), (190, 172, 142), (92, 124, 150), (124, 60, 70),
]  # fmt: skip
RUBBER, CHROME, LAMP = (30, 30, 32), (206, 208, 210), (240, 238, 222)
HALF_WIDTH, SILL = 0.2, 0.055  # in lengths of the car
AXLES = (0.32, -0.31)


def _sample_view(rng: Generator, width: int, height: int) -> View:
    """Samples the view of a car; its origin is the ground below the middle of the car."""
    yaw = rng.uniform(8, 40) * (-1 if rng.random() < 0.65 else 1)
    scale = min(width / 1.12, height / 0.66) * rng.uniform(0.74, 1.06)
    slack = np.maximum(0, (width - 1.05 * scale, height - 0.55 * scale)) / 2
    origin = np.array([width / 2, height / 2 + 0.17 * scale]) + slack * rng.uniform(-0.9, 0.9, 2)
    facing = 1 if rng.random() < 0.5 else -1
    pitch, roll = rng.uniform(2, 15), rng.normal(0, 1.6)
    return View(yaw, pitch, roll, facing, scale, origin, rng.uniform(0.05, 0.3))


def _sample_colours(rng: Generator) -> dict[str, Any]:
    """Samples the colours of one car, and the reflection of the sky as a fraction."""
    paint = jitter(rng, choose(rng, PAINTS), 0.12)
    pale = (226, 224, 216) if paint.mean() < 150 else (52, 54, 60)
    second = jitter(rng, choose(rng, (pale, pale, (196, 60, 50), (222, 184, 70))), 0.1)
    if np.abs(second - paint).max() < 70:  # stripes must be visible
        second = jitter(rng, pale, 0.05)
    return {
        'paint': paint,
        'second': second,
        'glass': jitter(rng, (46, 56, 66), 0.18),
        'rim': jitter(rng, (186, 188, 190), 0.08),
        'sky': rng.uniform(0.15, 0.55),
    }


class _Car(Brush):
    """Draws on the surfaces of one car."""

    def __init__(self, draw: ImageDraw, view: View, model: CarModel) -> None:
        super().__init__(draw, view)
        self.model = model

    def depth(self, height: ArrayLike) -> np.ndarray:
        """Returns half the width of the body at a height: the cabin tapers to the top."""
        model = self.model
        lean = (np.asarray(height) - model.waist) / (model.roof - model.waist)
        return HALF_WIDTH * (1 - 0.2 * np.clip(lean, 0, 1) ** 1.2)

    def side(self, points: ArrayLike) -> np.ndarray:
        """Maps points [n, 2] (x, y) on the near side to the canvas."""
        x, y = np.asarray(points, dtype=np.float64).T
        return self.view(np.stack([x, y, self.depth(y)], axis=1))

    def end(self, x: float, box: tuple[float, float, float, float]) -> np.ndarray:
        """Returns the canvas points of a box (z0, y0, z1, y1) on the vertical plane at x."""
        z0, y0, z1, y1 = box
        return self.view([[x, y0, z0], [x, y0, z1], [x, y1, z1], [x, y1, z0]])


def _profile(model: CarModel) -> np.ndarray:
    """Returns the outline [9, 2] of the side from the front bumper over the roof to the rear."""
    lift = SILL + (0.03 if model.trim == 'clad' else 0)
    points = [[0.495, lift], [0.5, model.nose - 0.03], [0.475, model.nose]]
    points += [[model.screen, model.waist + 0.012], [model.roof_front, model.roof]]
    points += [[model.roof_rear, model.roof - 0.008], [model.rear_window, model.tail + 0.005]]
    points += [[-0.495, model.tail - 0.012], [-0.498, lift + 0.01]]
    return np.array(points)


def _rounded(points: np.ndarray) -> np.ndarray:
    """Cuts the corners of an open outline: sides and cut corners alternate in the result."""
    first, last = points[:-1], points[1:]
    cut = np.stack([blend(first, last, 0.1), blend(first, last, 0.9)], axis=1).reshape(-1, 2)
    return np.concatenate([points[:1], cut[1:-1], points[-1:]])


def _draw_wheel(car: _Car, axle: float, near: bool, colours: Colours, turned: float) -> None:
    model, radius = car.model, car.model.wheel_radius
    z, hub = (HALF_WIDTH + 0.004) * (1 if near else -1), np.array([axle, radius])

    def disc(size: float, depth: float = z, count: int = 20) -> np.ndarray:
        points = circle(radius * size, count) + hub
        return car.view(np.column_stack([points, np.full(count, depth)]))

    for depth in np.linspace(z - 0.07 * np.sign(z), z, 3):
        car.fill(disc(1.0, depth), RUBBER, 0.8)
    if not near:
        return
    car.fill(disc(1.0), RUBBER, 1.15)
    rim = colours['rim']
    car.fill(disc(0.7), rim, 0.35 if model.wheel != 'disc' else 1.0)
    spokes = {'five-spoke': (5, 0.2), 'many-spoke': (11, 0.085), 'cross': (4, 0.3)}
    if model.wheel in spokes:
        count, thick = spokes[model.wheel]
        for angle in np.arange(count) * 2 * np.pi / count + turned:
            end = hub + 0.66 * radius * np.array([np.cos(angle), np.sin(angle)])
            line = car.view(np.column_stack([[hub, end], [z, z]]))
            car.stroke(line, rim, thick * radius)
    elif model.wheel == 'holed':
        car.fill(disc(0.64), rim, 0.8)
        for angle in np.arange(8) * np.pi / 4 + turned:
            spot = hub + 0.44 * radius * np.array([np.cos(angle), np.sin(angle)])
            spot = car.view([[*spot, z]])
            car.fill(circle(0.13 * radius * car.view.scale, 8) + spot, RUBBER)
    outline = disc(0.68)
    car.stroke(np.concatenate([outline, outline[:1]]), rim, 0.009, 1.05)
    car.fill(disc(0.18), rim, 1.2 if model.wheel != 'disc' else 0.6)


def _draw_shell(car: _Car, colours: Colours, front: bool) -> None:
    """Draws the faces that run across the car (bonnet, screens, roof, tail) from far to near."""
    model, outline = car.model, _rounded(_profile(car.model))
    across = car.depth(outline[:, 1])
    near = np.column_stack([outline, across])
    far = np.column_stack([outline, -across])
    strips = list(range(len(outline) - 1))
    for strip in strips[::-1] if front else strips:
        back, up = outline[strip] - outline[strip + 1]
        normal = np.array([-up, back, 0]) / np.hypot(back, up)
        if car.view.nearness(normal) <= 0:
            continue
        quad = np.concatenate([near[strip : strip + 2], far[strip : strip + 2][::-1]])
        # Even strips are the sides of the outline, odd ones its corners.
        side = strip // 2 if strip % 2 == 0 else -1
        colour: Colour = colours['paint']
        gain = 0.84 + 0.3 * max(normal[1], 0)
        if side == 4 and model.roof_kit == 'dark':
            colour, gain = RUBBER, 1.4
        if model.noun == 'Pickup' and side == 6:
            colour, gain = RUBBER, 1.3
        car.fill(car.view(quad), colour, gain)
        if side in (3, 5):
            middle = quad.mean(axis=0)
            glass = middle + (quad - middle) * (0.9, 0.86, 0.86)
            car.fill(car.view(glass), colours['glass'])
            gleam = glass * (1, 1, 0.35) + (0, 0, 0.06)
            car.fill(car.view(gleam), blend(colours['glass'], (200, 216, 226), colours['sky']))
        if side in (2, 4) and model.stripe == 'pair':
            for z in (0.07, -0.07):
                band = quad * (1, 1, 0)
                band[:, 2] = z + np.array([0.03, 0.03, -0.03, -0.03])
                car.fill(car.view(band), colours['second'], gain)


def _bumper(model: CarModel, colours: Colours) -> tuple[Colour, float]:
    """Returns colour and gain of the bumpers."""
    if model.trim == 'plain':
        return colours['paint'], 0.7
    return (RUBBER, 1.4) if model.trim == 'clad' else (CHROME, 1.0)


def _draw_front(car: _Car, colours: Colours) -> None:
    model, x = car.model, 0.502
    low, high = SILL + 0.045, model.nose - 0.035
    car.fill(car.end(x, (-0.195, low - 0.03, 0.195, low)), *_bumper(model, colours))
    across = {'bars': 0.105, 'slats': 0.105, 'small': 0.05, 'full': 0.185, 'none': 0.0}
    wide = across[model.grille]
    if wide:
        car.fill(car.end(x, (-wide, low + 0.008, wide, high + 0.01)), RUBBER)
        if model.grille in ('bars', 'full'):
            for y in np.linspace(low + 0.012, high + 0.004, 4):
                car.stroke(car.view([[x, y, -wide], [x, y, wide]]), CHROME, 0.006, 0.85)
        else:
            for z in np.linspace(-wide, wide, 5 if model.grille == 'small' else 8):
                car.stroke(car.view([[x, low, z], [x, high + 0.01, z]]), CHROME, 0.006, 0.85)
    middle = (low + high) / 2 + 0.014
    places = {'round': (0.148,), 'square': (0.148,), 'twin': (0.165, 0.108), 'slit': (0.13,)}
    for z in [sign * place for place in places[model.front_lamp] for sign in (-1, 1)]:
        if model.front_lamp in ('round', 'twin'):
            size = 0.038 if model.front_lamp == 'round' else 0.027
            for radius, colour in ((size + 0.008, CHROME), (size, LAMP)):
                lamp = circle(radius, 12) + (middle, z)
                car.fill(car.view(np.column_stack([np.full(12, x), lamp])), colour)
        else:
            tall, wide = (0.03, 0.04) if model.front_lamp == 'square' else (0.011, 0.06)
            car.fill(car.end(x, (z - wide, middle - tall, z + wide, middle + tall)), LAMP)
    car.fill(car.end(x, (-0.05, low - 0.03, 0.05, low)), (222, 220, 206))


def _draw_rear(car: _Car, colours: Colours) -> None:
    model, x = car.model, -0.502
    low, high, red = SILL + 0.05, model.tail - 0.03, (176, 32, 30)
    car.fill(car.end(x, (-0.195, low - 0.035, 0.195, low)), *_bumper(model, colours))
    for sign in (-1, 1):
        if model.rear_lamp == 'round':
            lamp = circle(0.03, 12) + (high - 0.015, 0.15 * sign)
            car.fill(car.view(np.column_stack([np.full(12, x), lamp])), red)
        else:
            upright = model.rear_lamp == 'upright'
            inner, base = (0.155, low + 0.02) if upright else (0.06, high - 0.03)
            car.fill(car.end(x, (inner * sign, base, 0.192 * sign, high)), red)
    car.fill(car.end(x, (-0.055, low + 0.02, 0.055, low + 0.055)), (222, 220, 206))


def _draw_side(car: _Car, colours: Colours) -> None:
    """Draws the near side: paint with its gloss, stripes, cladding, doors."""
    model, paint = car.model, colours['paint']
    outline = _rounded(_profile(model))
    car.fill(car.side(outline), paint)
    waist, base = model.waist, outline[0, 1]
    middle = (waist + base) / 2

    def belt(
        low: float, high: float, colour: Colour, gain: float = 1.0, stop: float = -0.495
    ) -> None:
        front = 0.497
        points = [[front, low], [front, min(high, model.nose - 0.02)], [front - 0.05, high]]
        car.fill(car.side([*points, [stop, high], [stop, low]]), colour, gain)

    belt(base, middle - 0.03, paint, 0.72)
    belt(middle - 0.03, middle - 0.012, paint, 0.86)
    shine = blend(paint, (236, 240, 244), colours['sky'])
    belt(waist - 0.035, waist - 0.018, shine, stop=-0.485)
    second = colours['second']
    if model.stripe == 'two-tone':
        belt(base, middle - 0.005, second, 0.92)
    elif model.stripe == 'sill':
        belt(base + 0.012, base + 0.036, second)
    elif model.stripe == 'belt':
        belt(middle + 0.005, middle + 0.035, second)
    elif model.stripe == 'sash':
        for x in (0.02, -0.07):
            sash = [[x, base], [x + 0.06, base], [x - 0.02, waist], [x - 0.08, waist]]
            car.fill(car.side(sash), second)
    if model.trim == 'bright':
        belt(middle - 0.012, middle - 0.002, CHROME)
    elif model.trim == 'clad':
        belt(base, base + 0.03, RUBBER, 1.5)
    doors = [model.screen - 0.04, (model.screen + model.roof_rear) / 2 - 0.04]
    doors += [model.roof_rear + 0.02] if model.windows > 1 else []
    for x in doors:
        car.stroke(car.side([[x, base + 0.01], [x, waist]]), paint, 0.005, 0.5)
    for x in doors[1:]:
        handle = car.side([[x + 0.02, waist - 0.03], [x + 0.06, waist - 0.03]])
        car.stroke(handle, CHROME if model.trim == 'bright' else RUBBER, 0.011)
    # The lamps extend around the corners.
    lamp = [[0.497, model.nose - 0.035], [0.465, model.nose - 0.035], [0.47, model.nose - 0.06]]
    if model.front_lamp in ('square', 'slit'):
        car.fill(car.side([*lamp, [0.497, model.nose - 0.07]]), LAMP)
    if model.rear_lamp != 'round':
        deep = 0.09 if model.rear_lamp == 'upright' else 0.04
        top = model.tail - 0.03
        tail = [[-0.495, top], [-0.465, top], [-0.465, top - deep], [-0.495, top - deep]]
        car.fill(car.side(tail), (176, 32, 30))


def _draw_windows(car: _Car, colours: Colours) -> None:
    """Draws the side windows: one band of glass, divided by pillars."""
    model, glass = car.model, colours['glass']
    low, high = model.waist + 0.008, model.roof - 0.032
    lean_front = (model.screen - model.roof_front) * 0.9
    lean_rear = (model.roof_rear - model.rear_window) * 0.85
    front, rear = model.screen - 0.035, model.rear_window + 0.04
    if model.noun in ('Saloon', 'Coupe', 'Hatchback', 'Minicar'):
        rear += 0.03
    if model.windows == 1:  # there is a panel behind the door
        rear, lean_rear = max(rear, (model.screen + model.roof_rear) / 2 - 0.09), lean_rear * 0.3
    band = np.array([[front, low], [front - lean_front, high]])
    band = np.concatenate([band, [[rear + lean_rear, high], [rear, low]]])
    frame = band + np.array([[0.012, -0.008], [0.004, 0.01], [-0.004, 0.01], [-0.012, -0.008]])
    rim = (CHROME, 0.95) if model.trim == 'bright' else (RUBBER, 0.9)
    car.fill(car.side(frame), *rim)
    car.fill(car.side(band), glass)
    gleam = blend(glass, (206, 220, 230), colours['sky'])
    for start in (0.12, 0.55):
        along = np.array([start, start + 0.02, start + 0.16, start + 0.1])[:, None]
        lower, upper = blend(band[:1], band[3:], along), blend(band[1:2], band[2:3], along)
        car.fill(car.side([lower[0], upper[1], upper[2], lower[3]]), gleam)
    for part in range(1, model.windows):
        fraction = part / model.windows
        pillar = [blend(band[0], band[3], fraction), blend(band[1], band[2], fraction)]
        car.stroke(car.side(pillar), colours['paint'], 0.024, 0.9)


def _draw_roof_kit(car: _Car, colours: Colours) -> None:
    model = car.model
    start, end, top = model.roof_front - 0.02, model.roof_rear + 0.02, model.roof
    across = float(car.depth(top))
    if model.roof_kit == 'rails':
        rail = [[start, top], [start - 0.02, top + 0.022], [end + 0.02, top + 0.018], [end, top]]
        car.stroke(car.side(rail), CHROME, 0.014)
    elif model.roof_kit == 'rack':
        for x in np.linspace(start - 0.02, end + 0.02, 3):
            bar = [[x, top, across], [x, top + 0.035, across], [x, top + 0.035, -across]]
            car.stroke(car.view(bar), RUBBER, 0.014)
        load = [[start, top + 0.035], [end, top + 0.035], [end, top + 0.06], [start, top + 0.06]]
        car.fill(car.side(load), RUBBER, 1.8)
    elif model.roof_kit == 'spoiler':
        x, y = -0.47, model.tail + 0.05
        if model.roof_rear < -0.28:
            x, y = model.roof_rear, top + 0.012
        z = HALF_WIDTH * 0.8
        wing = [[x + 0.05, y, z], [x - 0.06, y + 0.02, z], [x - 0.06, y + 0.02, -z]]
        car.fill(car.view([*wing, [x + 0.05, y, -z]]), RUBBER, 1.5)
        car.stroke(car.view(wing[:2]), RUBBER, 0.02)
        car.stroke(car.view([[x, y - 0.05, z], [x, y, z]]), RUBBER, 0.018)


def render(model: CarModel, rng: Generator, width: int, height: int) -> Image.Image:
    """Renders a sharp RGB image, `width` x `height`, of a car of the model `model`."""
    canvas_size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    view, colours = _sample_view(rng, *canvas_size), _sample_colours(rng)
    scene = street(rng, width, height, view.origin[1] / SUPERSAMPLING)
    turned, sun = rng.uniform(0, 2 * np.pi), rng.uniform(-0.12, 0.12)
    light = 1 + 0.08 * smooth_noise(rng, width, height, width / 4, height / 8)

    under = np.array([[0.53, 0, 0.24], [0.53, 0, -0.2], [-0.53, 0, -0.2], [-0.53, 0, 0.24]])
    shadow = view(under + (sun, 0, 0)) / SUPERSAMPLING
    cast_shadow(scene, shadow, 0.75, 0.025 * view.scale)

    subject = transparent_layer(canvas_size)
    car = _Car(Draw(subject), view, model)
    front = view.yaw < 0
    for axle in AXLES:
        _draw_wheel(car, axle, False, colours, turned)
    _draw_shell(car, colours, front)
    if front:
        _draw_front(car, colours)
    else:
        _draw_rear(car, colours)
    _draw_side(car, colours)
    _draw_windows(car, colours)
    _draw_roof_kit(car, colours)
    for axle in AXLES:
        arch = circle(model.wheel_radius * 1.2) + (axle, model.wheel_radius)
        if model.trim == 'clad':
            car.fill(car.side(arch + (0, 0.012)), RUBBER, 1.5)
        car.fill(car.side(np.maximum(arch, (-1, SILL - 0.01))), RUBBER, 0.5)
        _draw_wheel(car, axle, True, colours, turned)
    scene = composite(scene, subject, light)
    return occlude(rng, scene, ('post', 'bollard', 'box'))
