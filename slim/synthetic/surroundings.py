"""Surroundings of the man-made families: walls and floors behind, posts and the like in front.

Nothing here depends on the class, so that surroundings do not reveal it. Walls are drawn above the
far edge of the floor, the `rim`; the object stands on the floor, below the rim.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.scenery import BROWNS, GREENS, SKIES
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    Colour,
    blend,
    choose,
    circle,
    composite,
    fill_polygon,
    jitter,
    rgb,
    smooth_line,
    smooth_noise,
    to_image,
    transparent_layer,
)

PLASTERS = ((206, 198, 182), (178, 184, 188), (196, 170, 138), (140, 148, 154), (222, 218, 210))
BRICKS = ((150, 84, 62), (168, 112, 82), (120, 82, 70), (178, 148, 118))
GREYS = ((112, 114, 116), (142, 142, 138), (92, 94, 100), (164, 160, 152))
METALS = ((150, 160, 168), (110, 130, 146), (176, 178, 172), (96, 116, 108))
WOODS = ((150, 106, 66), (112, 76, 48), (186, 148, 104), (92, 66, 50))
CLOTHS = ((206, 202, 194), (90, 110, 142), (150, 70, 66), (120, 136, 104), (212, 190, 150))
SIGNALS = ((204, 60, 48), (232, 190, 60), (222, 222, 220), (60, 66, 74), (70, 110, 160))


def _fill_gradient(
    image: Image.Image, top: Colour, bottom: Colour, first: float, last: float
) -> None:
    """Fills rows `first` to `last` with a vertical gradient from one colour to another."""
    first, last = max(0, round(first)), min(image.height, round(last))
    if last <= first:
        return
    fraction = np.linspace(0, 1, last - first)[:, None, None]
    column = Image.fromarray(blend(top, bottom, fraction).astype(np.uint8))
    image.paste(column.resize((image.width, last - first)), (0, first))


def _sky(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    top, bottom = choose(rng, SKIES)
    _fill_gradient(image, jitter(rng, top, 0.08), jitter(rng, bottom, 0.05), 0, rim)
    white = rgb(blend(bottom, (246, 246, 248), rng.uniform(0.3, 0.9)))
    for _ in range(int(rng.integers(0, 5))):
        spot, size = rng.uniform(0, 1, 2) * (image.width, max(rim, 1)), rng.uniform(0.1, 0.3)
        lumps = spot + rng.normal(0, 0.5, (6, 2)) * size * image.width * (1, 0.16)
        for lump, radius in zip(lumps, rng.uniform(0.15, 0.5, 6) * size, strict=True):
            half = radius * image.width * np.array([1, 0.5])
            draw.ellipse((*(lump - half), *(lump + half)), fill=white)


def _bricks(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    colour = jitter(rng, choose(rng, BRICKS), 0.12)
    mortar = rgb(blend(colour, (196, 190, 180), rng.uniform(0.3, 0.8)))
    draw.rectangle((0, 0, image.width, rim), fill=rgb(colour))
    high = rng.uniform(0.03, 0.075) * image.width
    wide, shift = high * rng.uniform(2, 2.8), rng.uniform(0, 1)
    for row in range(int(rim / high) + 1):
        y = rim - row * high
        for x in np.arange((row % 2) / 2 - shift, image.width / wide, 1) * wide:
            draw.rectangle((x, y - high, x + wide, y), fill=rgb(colour, rng.uniform(0.85, 1.12)))
            draw.line((x, y - high, x, y), fill=mortar)
        draw.line((0, y, image.width, y), fill=mortar)


def _facade(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws the front of a house: windows in rows and a plinth."""
    colour = jitter(rng, choose(rng, PLASTERS + BRICKS), 0.1)
    _fill_gradient(image, colour * 0.92, colour, 0, rim)
    glass, frame = jitter(rng, (84, 100, 116), 0.2), rgb(blend(colour, (240, 238, 230), 0.7))
    wide = rng.uniform(0.1, 0.2) * image.width
    high, gap = wide * rng.uniform(1, 1.7), wide * rng.uniform(1.4, 2)
    for y in np.arange(rim - high * 1.5, -high, -high * 1.7):
        for x in np.arange(-rng.uniform(0, 1) * gap, image.width, gap):
            draw.rectangle((x - 1, y - 1, x + wide + 1, y + high + 1), fill=frame)
            draw.rectangle((x, y, x + wide, y + high), fill=rgb(glass, rng.uniform(0.7, 1.3)))
            draw.line((x + wide / 2, y, x + wide / 2, y + high), fill=frame)
    plinth = rng.uniform(0.02, 0.07) * image.width
    draw.rectangle((0, rim - plinth, image.width, rim), fill=rgb(colour, 0.66))


def _ribs(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws corrugated metal: a shed, the doors of a hangar, a shutter."""
    colour = jitter(rng, choose(rng, METALS), 0.12)
    draw.rectangle((0, 0, image.width, rim), fill=rgb(colour))
    step = rng.uniform(0.025, 0.07) * image.width
    lying = rng.random() < 0.3
    for at in np.arange(0, max(image.size), step):
        for part, gain in ((0.0, 1.14), (0.5, 0.8)):
            place = at + part * step
            line = (0, rim - place, image.width, rim - place) if lying else (place, 0, place, rim)
            draw.line(line, fill=rgb(colour, gain), width=max(1, round(step * 0.25)))
    for x in np.arange(rng.uniform(0, 0.3), 1, rng.uniform(0.3, 0.5)) * image.width:
        draw.line((x, 0, x, rim), fill=rgb(colour, 0.55), width=2)


def _skyline(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws the sky over distant sheds, trees and hills."""
    _sky(rng, image, draw, rim)
    haze = rng.uniform(0.1, 0.5)
    far = choose(rng, GREENS + GREYS)
    bumps = rim - np.abs(rng.normal(0, 0.06, 12)) * image.height
    ends = np.stack([np.linspace(0, image.width, 12), bumps], axis=1)
    hills = np.concatenate([smooth_line(ends), [[image.width, rim], [0, rim]]])
    fill_polygon(draw, hills, blend(far, (200, 208, 214), haze), 0.9)
    for _ in range(int(rng.integers(0, 6))):
        x, wide = rng.uniform(0, image.width), rng.uniform(0.06, 0.25) * image.width
        high = rng.uniform(0.02, 0.14) * image.height
        colour = blend(choose(rng, PLASTERS + METALS), (200, 208, 214), haze)
        draw.rectangle((x, rim - high, x + wide, rim), fill=rgb(colour, rng.uniform(0.7, 1)))


def _tiles(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    colour = jitter(rng, choose(rng, PLASTERS + METALS), 0.08)
    joint = rgb(colour, rng.choice((0.7, 1.2)))
    step = rng.uniform(0.07, 0.16) * image.width
    for y in np.arange(rim, -step, -step):
        for x in np.arange(0, image.width, step):
            box = (x, y - step, x + step, y)
            draw.rectangle(box, fill=rgb(colour, rng.uniform(0.94, 1.06)), outline=joint)


def _shelves(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws shelves with books and boxes."""
    wood = jitter(rng, choose(rng, WOODS), 0.12)
    draw.rectangle((0, 0, image.width, rim), fill=rgb(wood, 0.5))
    gap = rng.uniform(0.25, 0.5) * image.width
    for y in np.arange(rim - rng.uniform(0, 0.2) * gap, -gap, -gap):
        x = rng.uniform(-10, 10)
        while x < image.width:
            wide, high = rng.uniform(0.03, 0.12) * image.width, gap * rng.uniform(0.4, 0.85)
            if rng.random() < 0.75:
                colour = jitter(rng, choose(rng, CLOTHS + GREYS + BROWNS), 0.2)
                draw.rectangle((x, y - high, x + 0.9 * wide, y), fill=rgb(colour, 0.75))
            x += wide
        draw.rectangle((0, y, image.width, y + gap * 0.08), fill=rgb(wood))
        draw.line((0, y, image.width, y), fill=rgb(wood, 1.2))


def _plain(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    colour = jitter(rng, choose(rng, PLASTERS + CLOTHS + METALS), 0.1)
    _fill_gradient(image, colour * rng.uniform(0.7, 1), colour, 0, rim)


def _paved(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws asphalt, concrete or slabs with joints, markings and a kerb."""
    colour, far = jitter(rng, choose(rng, GREYS), 0.1), rng.uniform(0.9, 1.2)
    _fill_gradient(image, np.clip(colour * far, 0, 255), colour * 0.92, rim, image.height)
    middle, spread = rng.uniform(0, image.width), rng.uniform(2, 6)
    joints = (np.arange(-1, 2.01, rng.choice((0.25, 0.5)))) * image.width
    for x in joints if rng.random() < 0.6 else ():
        line = (x, rim, middle + (x - middle) * spread, image.height)
        draw.line(line, fill=rgb(colour, 0.86))
    deep = image.height - rim
    if rng.random() < 0.5:
        paint = rgb(choose(rng, ((226, 224, 214), (224, 190, 80))))
        y = rim + deep * rng.uniform(0.15, 0.9)
        draw.line((0, y, image.width, y + rng.normal(0, 3)), fill=paint, width=2)
    if rng.random() < 0.5:  # a kerb
        draw.rectangle((0, rim, image.width, rim + deep * 0.08), fill=rgb(colour, 1.3))
        draw.line((0, rim + deep * 0.09, image.width, rim + deep * 0.09), fill=rgb(colour, 0.6))


def _boards(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws the boards of a wooden table or shelf."""
    wood = jitter(rng, choose(rng, WOODS), 0.12)
    _fill_gradient(image, wood * 0.95, np.clip(wood * 1.1, 0, 255), rim, image.height)
    for y in rim + (image.height - rim) * np.array([0.1, 0.25, 0.45, 0.7, 1.0]):
        y += rng.normal(0, 1)
        draw.line((0, y, image.width, y), fill=rgb(wood, rng.uniform(0.75, 0.95)))


def _cloth(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws a tablecloth: plain, striped or checked."""
    colour = jitter(rng, choose(rng, CLOTHS), 0.1)
    _fill_gradient(image, colour * 0.88, colour, rim, image.height)
    other = rgb(blend(colour, choose(rng, CLOTHS), 0.6))
    middle, pattern = rng.uniform(0.2, 0.8) * image.width, int(rng.integers(3))
    if pattern:
        for x in np.arange(-1.5, 2.5, 0.125) * image.width:
            line = (x, rim, middle + (x - middle) * 2.2, image.height)
            draw.line(line, fill=other, width=2)
    if pattern == 2:
        for fraction in (0.06, 0.16, 0.3, 0.5, 0.78):
            y = rim + fraction * (image.height - rim)
            draw.line((0, y, image.width, y), fill=other, width=2)


def _sweep(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws the paper backdrop of a studio, which covers the wall as well."""
    colour = jitter(rng, choose(rng, PLASTERS + CLOTHS + GREYS), 0.1)
    _fill_gradient(image, colour * rng.uniform(0.55, 1), colour, 0, image.height)


def _land(rng: Generator, image: Image.Image, draw: ImageDraw, rim: float) -> None:
    """Draws land or sea far below."""
    colour = jitter(rng, choose(rng, GREENS + BROWNS + ((80, 112, 132),)), 0.12)
    _fill_gradient(image, blend(colour, (196, 206, 214), 0.5), colour, rim, image.height)


def _behind(
    rng: Generator,
    width: int,
    height: int,
    ground: float,
    walls: Sequence[Callable],
    floors: Sequence[Callable],
) -> Image.Image:
    """Renders a random wall above a random floor, out of focus; see `street`."""
    # Half the resolution is faster, and the blur hides it.
    image = Image.new('RGB', (width // 2, height // 2))
    draw = Draw(image)
    rim = min(max(ground / 2 - rng.uniform(0.03, 0.3) * height / 2, 4), image.height - 2)
    choose(rng, walls)(rng, image, draw, rim)
    choose(rng, floors)(rng, image, draw, rim)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.8)))
    light = rng.uniform(0.75, 1.15) + 0.09 * smooth_noise(rng, *image.size, width / 5, height / 5)
    pixels = np.asarray(image, dtype=np.float32) * light[..., None]
    return to_image(pixels).resize((width, height), Image.Resampling.BICUBIC)


def street(rng: Generator, width: int, height: int, ground: float) -> Image.Image:
    """Renders the surroundings of cars, an RGB image.

    Args:
      rng: random generator.
      width: width in pixels.
      height: height in pixels.
      ground: row, in pixels from the top, at which the object touches the ground.
    """
    walls = (_bricks, _facade, _facade, _ribs, _skyline, _skyline, _plain)
    return _behind(rng, width, height, ground, walls, (_paved, _paved, _paved, _sweep))


def apron(rng: Generator, width: int, height: int, ground: float) -> Image.Image:
    """Renders the surroundings of parked aircraft; see `street`."""
    walls = (_ribs, _skyline, _skyline, _skyline, _facade)
    return _behind(rng, width, height, ground, walls, (_paved,))


def interior(rng: Generator, width: int, height: int, ground: float) -> Image.Image:
    """Renders the surroundings of pots; see `street`."""
    walls = (_bricks, _tiles, _shelves, _shelves, _plain, _plain)
    return _behind(rng, width, height, ground, walls, (_boards, _cloth, _cloth, _sweep))


def open_sky(rng: Generator, width: int, height: int) -> Image.Image:
    """Renders the background of flying aircraft: sky, mostly with land or sea at the bottom."""
    low = height * rng.uniform(0.75, 1.3)
    return _behind(rng, width, height, low, (_skyline, _sky), (_paved, _land, _land))


def _upright(
    draw: ImageDraw,
    left: float,
    right: float,
    top: float,
    bottom: float,
    colour: Colour,
    bands: int,
) -> None:
    """Draws a post or bollard, shaded as a cylinder, with bright bands."""
    wide = right - left
    for start, end, gain in ((0, 1, 0.72), (0.12, 0.7, 1.0), (0.25, 0.42, 1.25)):
        box = (left + start * wide, top, left + end * wide, bottom)
        draw.rectangle(box, fill=rgb(colour, gain))
    for fraction in np.linspace(0.08, 0.5, bands):
        y = top + fraction * (bottom - top)
        draw.rectangle((left, y, right, y + 0.35 * wide), fill=(226, 224, 216))


def occlude(rng: Generator, scene: Image.Image, kinds: Sequence[str]) -> Image.Image:
    """Returns the scene, in 45% of all cases with an object in front that hides a part of it.

    Args:
      rng: random generator; the numbers that it draws do not depend on the scene.
      scene: RGB image.
      kinds: kinds of occluders to choose from: 'post', 'bollard', 'box' and 'bowl'.
    """
    if rng.random() > 0.45:
        return scene
    layer = transparent_layer((scene.width * SUPERSAMPLING, scene.height * SUPERSAMPLING))
    draw, (width, height) = Draw(layer), layer.size
    kind, side = choose(rng, kinds), int(rng.random() < 0.5)
    colour = jitter(rng, choose(rng, SIGNALS + GREYS), 0.15)
    x = width * rng.uniform(0.08, 0.92)
    if kind == 'post':
        wide = width * rng.uniform(0.02, 0.05)
        _upright(draw, x, x + wide, -10, height, colour, 0)
    elif kind == 'bollard':
        wide, top = width * rng.uniform(0.05, 0.09), height * rng.uniform(0.68, 0.85)
        draw.ellipse((x, top - wide / 2, x + wide, top + wide / 2), fill=rgb(colour, 0.9))
        _upright(draw, x, x + wide, top, height, colour, int(rng.integers(0, 3)))
    elif kind == 'box':
        inner, top = width * rng.uniform(0.06, 0.16), height * rng.uniform(0.55, 0.8)
        left, right = (0, inner) if side == 0 else (width - inner, width)
        round_off = height / 20
        box = (left - 40 * (1 - side), top, right + 40 * side, height + 40)
        draw.rounded_rectangle(box, round_off, fill=rgb(colour, 0.8))
        draw.line((left, top + round_off, right, top + round_off), fill=rgb(colour, 1.2), width=4)
    else:
        size = width * rng.uniform(0.1, 0.2)
        centre = np.array([(-0.4 * size, width + 0.4 * size)[side], height - 0.5 * size])
        for radius, gain, shift in ((1.0, 0.7, 0.0), (0.86, 1.0, -0.06), (0.2, 1.35, -0.5)):
            spot = centre + np.array([shift * (2 * side - 1), 0.6 * shift]) * size
            fill_polygon(draw, circle(radius * size) + spot, colour, gain)
    return composite(scene, layer)
