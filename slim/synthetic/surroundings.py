"""What object-like families share: walls and floors behind them, posts and the like before them.

Nothing here depends on the class that is drawn, so surroundings tell nothing about it. A wall is
painted above the floor's far edge, the `rim`; a thing stands on the floor, below it.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from slim.synthetic.scenery import BROWNS, GREENS, SKIES
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    choose,
    clear_layer,
    cloudy,
    corners,
    ink,
    lay_over,
    mix,
    ring,
    smooth_line,
    vary,
)

PLASTERS = ((206, 198, 182), (178, 184, 188), (196, 170, 138), (140, 148, 154), (222, 218, 210))
BRICKS = ((150, 84, 62), (168, 112, 82), (120, 82, 70), (178, 148, 118))
GREYS = ((112, 114, 116), (142, 142, 138), (92, 94, 100), (164, 160, 152))
METALS = ((150, 160, 168), (110, 130, 146), (176, 178, 172), (96, 116, 108))
WOODS = ((150, 106, 66), (112, 76, 48), (186, 148, 104), (92, 66, 50))
CLOTHS = ((206, 202, 194), (90, 110, 142), (150, 70, 66), (120, 136, 104), (212, 190, 150))
SIGNALS = ((204, 60, 48), (232, 190, 60), (222, 222, 220), (60, 66, 74), (70, 110, 160))


def _shade_down(image, top, bottom, first, last):
    """Fills rows first to last with a gradient from the colour top to the colour bottom."""
    first, last = max(0, round(first)), min(image.height, round(last))
    if last <= first:
        return
    share = np.linspace(0, 1, last - first)[:, None, None]
    column = Image.fromarray((np.asarray(top) * (1 - share) + bottom * share).astype(np.uint8))
    image.paste(column.resize((image.width, last - first)), (0, first))


def _sky(rng, image, draw, rim):
    top, bottom = choose(rng, SKIES)
    _shade_down(image, vary(rng, top, 0.08), vary(rng, bottom, 0.05), 0, rim)
    white = ink(mix(bottom, (246, 246, 248), rng.uniform(0.3, 0.9)))
    for _ in range(int(rng.integers(0, 5))):
        spot, size = rng.uniform(0, 1, 2) * (image.width, max(rim, 1)), rng.uniform(0.1, 0.3)
        lumps = spot + rng.normal(0, 0.5, (6, 2)) * size * image.width * (1, 0.16)
        for lump, radius in zip(lumps, rng.uniform(0.15, 0.5, 6) * size, strict=True):
            half = radius * image.width * np.array([1, 0.5])
            draw.ellipse((*(lump - half), *(lump + half)), fill=white)


def _bricks(rng, image, draw, rim):
    colour = vary(rng, choose(rng, BRICKS), 0.12)
    mortar = ink(mix(colour, (196, 190, 180), rng.uniform(0.3, 0.8)))
    draw.rectangle((0, 0, image.width, rim), fill=ink(colour))
    high = rng.uniform(0.03, 0.075) * image.width
    wide, shift = high * rng.uniform(2, 2.8), rng.uniform(0, 1)
    for row in range(int(rim / high) + 1):
        y = rim - row * high
        for x in np.arange((row % 2) / 2 - shift, image.width / wide, 1) * wide:
            draw.rectangle((x, y - high, x + wide, y), fill=ink(colour, rng.uniform(0.85, 1.12)))
            draw.line((x, y - high, x, y), fill=mortar)
        draw.line((0, y, image.width, y), fill=mortar)


def _facade(rng, image, draw, rim):
    """The front of a house: windows in rows, a plinth, perhaps a door."""
    colour = vary(rng, choose(rng, PLASTERS + BRICKS), 0.1)
    _shade_down(image, colour * 0.92, colour, 0, rim)
    glass, frame = vary(rng, (84, 100, 116), 0.2), ink(mix(colour, (240, 238, 230), 0.7))
    wide = rng.uniform(0.1, 0.2) * image.width
    high, gap = wide * rng.uniform(1, 1.7), wide * rng.uniform(1.4, 2)
    for y in np.arange(rim - high * 1.5, -high, -high * 1.7):
        for x in np.arange(-rng.uniform(0, 1) * gap, image.width, gap):
            draw.rectangle((x - 1, y - 1, x + wide + 1, y + high + 1), fill=frame)
            draw.rectangle((x, y, x + wide, y + high), fill=ink(glass, rng.uniform(0.7, 1.3)))
            draw.line((x + wide / 2, y, x + wide / 2, y + high), fill=frame)
    plinth = rng.uniform(0.02, 0.07) * image.width
    draw.rectangle((0, rim - plinth, image.width, rim), fill=ink(colour, 0.66))


def _ribs(rng, image, draw, rim):
    """Corrugated metal: a shed, a hangar's doors, a shutter."""
    colour = vary(rng, choose(rng, METALS), 0.12)
    draw.rectangle((0, 0, image.width, rim), fill=ink(colour))
    step = rng.uniform(0.025, 0.07) * image.width
    lying = rng.random() < 0.3
    for at in np.arange(0, max(image.size), step):
        for part, gain in ((0.0, 1.14), (0.5, 0.8)):
            place = at + part * step
            line = (0, rim - place, image.width, rim - place) if lying else (place, 0, place, rim)
            draw.line(line, fill=ink(colour, gain), width=max(1, round(step * 0.25)))
    for x in np.arange(rng.uniform(0, 0.3), 1, rng.uniform(0.3, 0.5)) * image.width:
        draw.line((x, 0, x, rim), fill=ink(colour, 0.55), width=2)


def _skyline(rng, image, draw, rim):
    """Sky over far sheds, trees and hills."""
    _sky(rng, image, draw, rim)
    haze = rng.uniform(0.1, 0.5)
    far = choose(rng, GREENS + GREYS)
    bumps = rim - np.abs(rng.normal(0, 0.06, 12)) * image.height
    ends = np.stack([np.linspace(0, image.width, 12), bumps], axis=1)
    hills = np.concatenate([smooth_line(ends), [[image.width, rim], [0, rim]]])
    draw.polygon(corners(hills), fill=ink(mix(far, (200, 208, 214), haze), 0.9))
    for _ in range(int(rng.integers(0, 6))):
        x, wide = rng.uniform(0, image.width), rng.uniform(0.06, 0.25) * image.width
        high = rng.uniform(0.02, 0.14) * image.height
        colour = mix(choose(rng, PLASTERS + METALS), (200, 208, 214), haze)
        draw.rectangle((x, rim - high, x + wide, rim), fill=ink(colour, rng.uniform(0.7, 1)))


def _tiles(rng, image, draw, rim):
    colour = vary(rng, choose(rng, PLASTERS + METALS), 0.08)
    joint = ink(colour, rng.choice((0.7, 1.2)))
    step = rng.uniform(0.07, 0.16) * image.width
    for y in np.arange(rim, -step, -step):
        for x in np.arange(0, image.width, step):
            box = (x, y - step, x + step, y)
            draw.rectangle(box, fill=ink(colour, rng.uniform(0.94, 1.06)), outline=joint)


def _shelves(rng, image, draw, rim):
    """Boards with books and boxes on them."""
    wood = vary(rng, choose(rng, WOODS), 0.12)
    draw.rectangle((0, 0, image.width, rim), fill=ink(wood, 0.5))
    gap = rng.uniform(0.25, 0.5) * image.width
    for y in np.arange(rim - rng.uniform(0, 0.2) * gap, -gap, -gap):
        x = rng.uniform(-10, 10)
        while x < image.width:
            wide, high = rng.uniform(0.03, 0.12) * image.width, gap * rng.uniform(0.4, 0.85)
            if rng.random() < 0.75:
                colour = vary(rng, choose(rng, CLOTHS + GREYS + BROWNS), 0.2)
                draw.rectangle((x, y - high, x + 0.9 * wide, y), fill=ink(colour, 0.75))
            x += wide
        draw.rectangle((0, y, image.width, y + gap * 0.08), fill=ink(wood))
        draw.line((0, y, image.width, y), fill=ink(wood, 1.2))


def _plain(rng, image, draw, rim):
    colour = vary(rng, choose(rng, PLASTERS + CLOTHS + METALS), 0.1)
    _shade_down(image, colour * rng.uniform(0.7, 1), colour, 0, rim)


def _paved(rng, image, draw, rim):
    """Asphalt, concrete or slabs: joints that run away from the camera, markings."""
    colour, far = vary(rng, choose(rng, GREYS), 0.1), rng.uniform(0.9, 1.2)
    _shade_down(image, np.clip(colour * far, 0, 255), colour * 0.92, rim, image.height)
    middle, spread = rng.uniform(0, image.width), rng.uniform(2, 6)
    joints = (np.arange(-1, 2.01, rng.choice((0.25, 0.5)))) * image.width
    for x in joints if rng.random() < 0.6 else ():
        line = (x, rim, middle + (x - middle) * spread, image.height)
        draw.line(line, fill=ink(colour, 0.86))
    deep = image.height - rim
    if rng.random() < 0.5:
        paint = ink(choose(rng, ((226, 224, 214), (224, 190, 80))))
        y = rim + deep * rng.uniform(0.15, 0.9)
        draw.line((0, y, image.width, y + rng.normal(0, 3)), fill=paint, width=2)
    if rng.random() < 0.5:  # a kerb
        draw.rectangle((0, rim, image.width, rim + deep * 0.08), fill=ink(colour, 1.3))
        draw.line((0, rim + deep * 0.09, image.width, rim + deep * 0.09), fill=ink(colour, 0.6))


def _boards(rng, image, draw, rim):
    """A table or a shelf of wood, seen along its boards, with its edge."""
    wood = vary(rng, choose(rng, WOODS), 0.12)
    _shade_down(image, wood * 0.95, np.clip(wood * 1.1, 0, 255), rim, image.height)
    for y in rim + (image.height - rim) * np.array([0.1, 0.25, 0.45, 0.7, 1.0]):
        y += rng.normal(0, 1)
        draw.line((0, y, image.width, y), fill=ink(wood, rng.uniform(0.75, 0.95)))


def _cloth(rng, image, draw, rim):
    """A table with a cloth: plain, striped or checked."""
    colour = vary(rng, choose(rng, CLOTHS), 0.1)
    _shade_down(image, colour * 0.88, colour, rim, image.height)
    other = ink(mix(colour, choose(rng, CLOTHS), 0.6))
    middle, pattern = rng.uniform(0.2, 0.8) * image.width, int(rng.integers(3))
    if pattern:
        for x in np.arange(-1.5, 2.5, 0.125) * image.width:
            line = (x, rim, middle + (x - middle) * 2.2, image.height)
            draw.line(line, fill=other, width=2)
    if pattern == 2:
        for share in (0.06, 0.16, 0.3, 0.5, 0.78):
            y = rim + share * (image.height - rim)
            draw.line((0, y, image.width, y), fill=other, width=2)


def _sweep(rng, image, draw, rim):
    """A studio's paper, which has no rim."""
    colour = vary(rng, choose(rng, PLASTERS + CLOTHS + GREYS), 0.1)
    _shade_down(image, colour * rng.uniform(0.55, 1), colour, 0, image.height)


def _land(rng, image, draw, rim):
    """Country or sea far below."""
    colour = vary(rng, choose(rng, GREENS + BROWNS + ((80, 112, 132),)), 0.12)
    _shade_down(image, mix(colour, (196, 206, 214), 0.5), colour, rim, image.height)


def _behind(rng, width, height, ground, walls, floors):
    """A wall over a floor, out of focus; the arguments as of `street`."""
    # Painted small and enlarged: it is blurred anyway, and a quarter of the pixels is quicker.
    image = Image.new('RGB', (width // 2, height // 2))
    draw = ImageDraw.Draw(image)
    rim = min(max(ground / 2 - rng.uniform(0.03, 0.3) * height / 2, 4), image.height - 2)
    choose(rng, walls)(rng, image, draw, rim)
    choose(rng, floors)(rng, image, draw, rim)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.8)))
    light = rng.uniform(0.75, 1.15) + 0.09 * cloudy(rng, *image.size, width / 5, height / 5)
    pixels = np.asarray(image, dtype=np.float32) * light[..., None]
    small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def street(rng, width, height, ground):
    """Where cars stand: an RGB image.

    Args:
        rng: as everywhere.
        width: in pixels.
        height: in pixels.
        ground: how many pixels below the upper edge a thing touches the ground.
    """
    walls = (_bricks, _facade, _facade, _ribs, _skyline, _skyline, _plain)
    return _behind(rng, width, height, ground, walls, (_paved, _paved, _paved, _sweep))


def apron(rng, width, height, ground):
    """Where aircraft stand: as `street`."""
    walls = (_ribs, _skyline, _skyline, _skyline, _facade)
    return _behind(rng, width, height, ground, walls, (_paved,))


def interior(rng, width, height, ground):
    """Where pots stand: as `street`."""
    walls = (_bricks, _tiles, _shelves, _shelves, _plain, _plain)
    return _behind(rng, width, height, ground, walls, (_boards, _cloth, _cloth, _sweep))


def open_sky(rng, width, height):
    """Where aircraft fly: an RGB image of sky, mostly with land or sea low in it."""
    low = height * rng.uniform(0.75, 1.3)
    return _behind(rng, width, height, low, (_skyline, _sky), (_paved, _land, _land))


def _upright(draw, left, right, top, bottom, colour, bands):
    """A post or a bollard, round by its shade, with a few bands of light colour."""
    wide = right - left
    for start, end, gain in ((0, 1, 0.72), (0.12, 0.7, 1.0), (0.25, 0.42, 1.25)):
        box = (left + start * wide, top, left + end * wide, bottom)
        draw.rectangle(box, fill=ink(colour, gain))
    for share in np.linspace(0.08, 0.5, bands):
        y = top + share * (bottom - top)
        draw.rectangle((left, y, right, y + 0.35 * wide), fill=(226, 224, 216))


def hide_a_little(rng, scene, kinds):
    """The scene, at times with something before it that hides a part.

    Args:
        rng: as everywhere; it is used in the same way whatever is in the scene.
        scene: an RGB image.
        kinds: of 'post', 'bollard', 'box' and 'bowl', what it can be.
    """
    if rng.random() > 0.45:
        return scene
    layer = clear_layer((scene.width * SUPERSAMPLING, scene.height * SUPERSAMPLING))
    draw, (width, height) = ImageDraw.Draw(layer), layer.size
    kind, side = choose(rng, kinds), int(rng.random() < 0.5)
    colour = vary(rng, choose(rng, SIGNALS + GREYS), 0.15)
    x = width * rng.uniform(0.08, 0.92)
    if kind == 'post':
        wide = width * rng.uniform(0.02, 0.05)
        _upright(draw, x, x + wide, -10, height, colour, 0)
    elif kind == 'bollard':
        wide, top = width * rng.uniform(0.05, 0.09), height * rng.uniform(0.68, 0.85)
        draw.ellipse((x, top - wide / 2, x + wide, top + wide / 2), fill=ink(colour, 0.9))
        _upright(draw, x, x + wide, top, height, colour, int(rng.integers(0, 3)))
    elif kind == 'box':
        inner, top = width * rng.uniform(0.06, 0.16), height * rng.uniform(0.55, 0.8)
        left, right = (0, inner) if side == 0 else (width - inner, width)
        round_off = height / 20
        box = (left - 40 * (1 - side), top, right + 40 * side, height + 40)
        draw.rounded_rectangle(box, round_off, fill=ink(colour, 0.8))
        draw.line((left, top + round_off, right, top + round_off), fill=ink(colour, 1.2), width=4)
    else:
        size = width * rng.uniform(0.1, 0.2)
        centre = np.array([(-0.4 * size, width + 0.4 * size)[side], height - 0.5 * size])
        for radius, gain, shift in ((1.0, 0.7, 0.0), (0.86, 1.0, -0.06), (0.2, 1.35, -0.5)):
            spot = centre + np.array([shift * (2 * side - 1), 0.6 * shift]) * size
            draw.polygon(corners(ring(radius * size) + spot), fill=ink(colour, gain))
    return lay_over(scene, layer)
