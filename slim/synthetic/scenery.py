"""What nature-like families share: blurred backgrounds, something to stand on, leaves in front.

Nothing here depends on the class that is drawn, so a background tells nothing about it.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from slim.synthetic.shapes import (
    choose,
    cloudy,
    corners,
    ink,
    mix,
    smooth_line,
    smooth_outline,
    turn,
    vary,
)

GREENS = ((86, 122, 52), (58, 92, 44), (126, 150, 70), (100, 128, 84), (150, 156, 72))
BROWNS = ((112, 88, 62), (84, 66, 50), (138, 112, 84), (96, 90, 82), (150, 122, 82))
SKIES = (((104, 154, 206), (196, 218, 232)), ((160, 180, 196), (222, 226, 226)))
SKIES += (((206, 170, 140), (238, 214, 176)), ((70, 116, 170), (150, 190, 218)))
WATERS = ((72, 110, 132), (96, 122, 112), (60, 88, 110), (128, 146, 150))


def _upright_gradient(top, bottom, width, height):
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    column = np.asarray(top, np.float32) * (1 - share) + np.asarray(bottom, np.float32) * share
    return np.repeat(column, width, axis=1)


def _sky(rng, width, height):
    top, bottom = choose(rng, SKIES)
    pixels = _upright_gradient(vary(rng, top, 0.08), vary(rng, bottom, 0.05), width, height)
    clouds = cloudy(rng, width, height, width / 4, height / 6)[..., None]
    return pixels + np.clip(clouds, 0, 1) * rng.uniform(0, 70)


def _water(rng, width, height):
    colour = vary(rng, choose(rng, WATERS), 0.12)
    pixels = _upright_gradient(colour * 1.25, colour * 0.8, width, height)
    ripples = cloudy(rng, width, height, width / 5, rng.uniform(2, 6))
    return pixels * (1 + 0.28 * ripples[..., None])


def _foliage(rng, width, height):
    """Blurred blobs of light and leaf, as a long lens makes of a hedge."""
    base = vary(rng, choose(rng, GREENS), 0.15)
    image = Image.new('RGB', (width, height), ink(base, 0.7))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(18, 46))):
        colour = mix(base, choose(rng, GREENS), 0.7) * rng.uniform(0.45, 1.45)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        radius = rng.uniform(0.04, 0.16) * max(width, height)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink(colour))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 7)))


def _reeds(rng, width, height):
    """Stems before a hazy bank."""
    base = vary(rng, choose(rng, GREENS + BROWNS), 0.12)
    pale = mix(base, (220, 214, 190), 0.55)
    pixels = _upright_gradient(pale, base, width, height)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(10, 36))):
        x, lean = rng.uniform(-0.1, 1.1) * width, rng.normal(0, 0.12) * width
        colour = mix(base, choose(rng, GREENS + BROWNS), 0.6) * rng.uniform(0.6, 1.3)
        ends = (x, height, x + lean, height * rng.uniform(-0.2, 0.5))
        draw.line(ends, fill=ink(colour), width=int(rng.integers(2, 7)))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 4)))


def _twigs(rng, width, height):
    """Bare branches before the sky or a hedge."""
    behind = _sky(rng, width, height) if rng.random() < 0.6 else _foliage(rng, width, height)
    image = Image.fromarray(np.clip(np.asarray(behind), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 12))):
        start = rng.uniform(-0.2, 1.2, size=2) * (width, height)
        bends = np.cumsum(rng.normal(0, 0.25, size=(4, 2)) * (width, height * 0.7), axis=0)
        colour = ink(vary(rng, choose(rng, BROWNS), 0.2))
        line = corners(smooth_line(start + bends))
        draw.line(line, fill=colour, width=int(rng.integers(2, 7)), joint='curve')
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 4)))


def _bank(rng, width, height):
    """Open ground: earth, moss or dry grass, with a far rim."""
    near = vary(rng, choose(rng, BROWNS + GREENS), 0.15)
    far = mix(near, (190, 196, 190), rng.uniform(0.3, 0.7))
    pixels = _upright_gradient(far, near, width, height)
    lumps = cloudy(rng, width, height, width / 9, height / 14)
    return pixels * (1 + rng.uniform(0.08, 0.25) * lumps[..., None])


def background(rng, width, height):
    """A background out of focus, an RGB image of the given size."""
    paint = (_sky, _water, _foliage, _foliage, _reeds, _twigs, _bank)[int(rng.integers(7))]
    # Painted small and enlarged: it is blurred anyway, and a quarter of the pixels is quicker.
    pixels = np.asarray(paint(rng, width // 2, height // 2), dtype=np.float32)
    light = cloudy(rng, pixels.shape[1], pixels.shape[0], width / 4, height / 4)
    pixels = pixels * (rng.uniform(0.75, 1.15) + 0.1 * light[..., None])
    small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def draw_perch(rng, draw, foot, size):
    """Draws something to stand on through the foot, a point [2]; `size` is a bird's, in pixels."""
    colour = vary(rng, choose(rng, BROWNS), 0.15)
    if rng.random() < 0.72:
        slope, thick = rng.normal(0, 0.22), size * rng.uniform(0.05, 0.12)
        across = np.array([-6.0, -2.0, -0.6, 0.0, 0.6, 2.0, 6.0])[:, None] * size
        line = foot + (0, thick * 0.45) + across * (1, slope)
        line[:, 1] += rng.normal(0, 0.05, size=7) * np.array([4, 2, 0.3, 0, 0.3, 2, 4]) * size
        line = smooth_line(line)
        for shift, share, gain in ((0.0, 1.0, 0.62), (-0.12, 0.72, 0.95), (-0.26, 0.3, 1.25)):
            width = max(1, round(thick * share))
            path = corners(line + (0, shift * thick))
            draw.line(path, fill=ink(colour, gain), width=width, joint='curve')
        return
    rim = np.array([[-2.2, 1.6], [-1.3, 0.5], [-0.6, 0.08], [0.0, 0.0], [0.7, 0.06], [1.5, 0.5]])
    rim = (rim + rng.normal(0, 0.04, size=rim.shape)) * size
    rock = np.concatenate([rim, [[2.2 * size, 1.6 * size]]]) + foot
    for shift, gain in ((0.0, 1.15), (0.06, 0.9), (0.16, 0.72)):
        draw.polygon(corners(smooth_outline(rock + (0, shift * size))), fill=ink(colour, gain))


def draw_leaves(rng, draw, centre, size, count):
    """Draws leaves in front of whatever lies about the centre, a point [2], within its size."""
    colour = vary(rng, choose(rng, GREENS), 0.15)
    leaf = np.array([[-1, 0], [-0.4, 0.3], [0.3, 0.26], [1, 0], [0.3, -0.26], [-0.4, -0.3]])
    for _ in range(count):
        angle, length = rng.uniform(-180, 180), size * rng.uniform(0.09, 0.19)
        away = rng.normal(0, 1, size=2)
        spot = centre + away / np.hypot(*away) * size * rng.uniform(0.25, 0.85)
        gain = rng.uniform(0.7, 1.25)
        outline = smooth_outline(turn(leaf * length, angle) + spot)
        draw.polygon(corners(outline), fill=ink(colour, gain))
        half = turn(leaf[:4] * length * 0.96, angle) + spot
        draw.polygon(corners(half), fill=ink(colour, gain * 1.16))
        midrib = turn(np.array([[-1.5, 0], [0.95, 0]]) * length, angle) + spot
        draw.line(corners(midrib), fill=ink(colour, gain * 0.7), width=max(1, round(length / 14)))


def draw_stalk(draw, points, width, colour):
    """Draws a round stalk along the smooth line through the points [n, 2], `width` pixels thick."""
    line = smooth_line(points)
    for shift, share, gain in ((0.0, 1.0, 0.62), (-0.14, 0.66, 0.96), (-0.24, 0.24, 1.2)):
        path = corners(line + (shift * width, shift * width))
        draw.line(path, fill=ink(colour, gain), width=max(1, round(width * share)), joint='curve')


def relief(rng, layer, size, roundness, grain=0.06):
    """The light on a drawn layer, float [height, width]: rounded edges and a fine texture.

    Args:
        rng: chance, for the side the light comes from and for the texture.
        layer: what was drawn (`shapes.clear_layer`), at the size of the scene.
        size: of the figure, in pixels of the layer.
        roundness: how strongly edges turn away from the light.
        grain: how strong the texture is.
    """
    width, height = layer.size
    opacity = layer.getchannel(3)
    opacity = opacity.filter(ImageFilter.GaussianBlur(max(1.0, float(size) * 0.05)))
    slope_y, slope_x = np.gradient(np.asarray(opacity, dtype=np.float32) / 255)
    lit = slope_y * 0.85 + slope_x * rng.uniform(-0.8, 0.8)
    texture = cloudy(rng, width, height, max(2, size * 0.07), max(2, size * 0.05))
    return 1.0 + np.clip(lit * size * roundness, -0.4, 0.3) + grain * texture
