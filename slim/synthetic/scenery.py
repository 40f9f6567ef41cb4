"""Scenery of the natural families: blurred backgrounds, perches, stalks and leaves in front.

Nothing here depends on the class, so that backgrounds do not reveal it.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image, ImageFilter
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.shapes import (
    SUPERSAMPLING,
    Colour,
    blend,
    choose,
    composite,
    draw_path,
    fill_disc,
    fill_polygon,
    jitter,
    rgb,
    rotate,
    smooth_line,
    smooth_noise,
    smooth_outline,
    to_image,
    transparent_layer,
)

GREENS = ((86, 122, 52), (58, 92, 44), (126, 150, 70), (100, 128, 84), (150, 156, 72))
BROWNS = ((112, 88, 62), (84, 66, 50), (138, 112, 84), (96, 90, 82), (150, 122, 82))
SKIES = [  # colours at the top and at the horizon
    ((104, 154, 206), (196, 218, 232)),
    ((160, 180, 196), (222, 226, 226)),
    ((206, 170, 140), (238, 214, 176)),
    ((70, 116, 170), (150, 190, 218)),
]
WATERS = ((72, 110, 132), (96, 122, 112), (60, 88, 110), (128, 146, 150))


def _vertical_gradient(top: Colour, bottom: Colour, width: int, height: int) -> np.ndarray:
    fraction = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    column = blend(np.asarray(top, np.float32), np.asarray(bottom, np.float32), fraction)
    return np.repeat(column, width, axis=1)


def _sky(rng: Generator, width: int, height: int) -> np.ndarray:
    top, bottom = choose(rng, SKIES)
    pixels = _vertical_gradient(jitter(rng, top, 0.08), jitter(rng, bottom, 0.05), width, height)
    clouds = smooth_noise(rng, width, height, width / 4, height / 6)[..., None]
    return pixels + np.clip(clouds, 0, 1) * rng.uniform(0, 70)


def _water(rng: Generator, width: int, height: int) -> np.ndarray:
    colour = jitter(rng, choose(rng, WATERS), 0.12)
    pixels = _vertical_gradient(colour * 1.25, colour * 0.8, width, height)
    ripples = smooth_noise(rng, width, height, width / 5, rng.uniform(2, 6))
    return pixels * (1 + 0.28 * ripples[..., None])


def _foliage(rng: Generator, width: int, height: int) -> Image.Image:
    """Draws blurred discs of light and leaves, like a hedge behind a long lens."""
    base = jitter(rng, choose(rng, GREENS), 0.15)
    image = Image.new('RGB', (width, height), rgb(base, 0.7))
    draw = Draw(image)
    for _ in range(int(rng.integers(18, 46))):
        colour = blend(base, choose(rng, GREENS), 0.7) * rng.uniform(0.45, 1.45)
        centre = rng.uniform(0, width), rng.uniform(0, height)
        fill_disc(draw, centre, rng.uniform(0.04, 0.16) * max(width, height), colour)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 7)))


def _reeds(rng: Generator, width: int, height: int) -> Image.Image:
    """Draws stems in front of a hazy bank."""
    base = jitter(rng, choose(rng, GREENS + BROWNS), 0.12)
    pale = blend(base, (220, 214, 190), 0.55)
    pixels = _vertical_gradient(pale, base, width, height)
    image = to_image(pixels)
    draw = Draw(image)
    for _ in range(int(rng.integers(10, 36))):
        x, lean = rng.uniform(-0.1, 1.1) * width, rng.normal(0, 0.12) * width
        colour = blend(base, choose(rng, GREENS + BROWNS), 0.6) * rng.uniform(0.6, 1.3)
        ends = (x, height, x + lean, height * rng.uniform(-0.2, 0.5))
        draw.line(ends, fill=rgb(colour), width=int(rng.integers(2, 7)))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 4)))


def _twigs(rng: Generator, width: int, height: int) -> Image.Image:
    """Draws bare branches in front of the sky or a hedge."""
    behind = _sky if rng.random() < 0.6 else _foliage
    image = to_image(np.asarray(behind(rng, width, height)))
    draw = Draw(image)
    for _ in range(int(rng.integers(4, 12))):
        start = rng.uniform(-0.2, 1.2, size=2) * (width, height)
        bends = np.cumsum(rng.normal(0, 0.25, size=(4, 2)) * (width, height * 0.7), axis=0)
        colour = jitter(rng, choose(rng, BROWNS), 0.2)
        draw_path(draw, smooth_line(start + bends), int(rng.integers(2, 7)), colour)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 4)))


def _bank(rng: Generator, width: int, height: int) -> np.ndarray:
    """Renders open ground: earth, moss or dry grass up to the horizon."""
    near = jitter(rng, choose(rng, BROWNS + GREENS), 0.15)
    far = blend(near, (190, 196, 190), rng.uniform(0.3, 0.7))
    pixels = _vertical_gradient(far, near, width, height)
    lumps = smooth_noise(rng, width, height, width / 9, height / 14)
    return pixels * (1 + rng.uniform(0.08, 0.25) * lumps[..., None])


def background(rng: Generator, width: int, height: int) -> Image.Image:
    """Renders a random background out of focus, an RGB image of the given size."""
    paint = (_sky, _water, _foliage, _foliage, _reeds, _twigs, _bank)[int(rng.integers(7))]
    # Half the resolution is faster, and the blur hides it.
    pixels: np.ndarray = np.asarray(paint(rng, width // 2, height // 2), dtype=np.float32)
    light = smooth_noise(rng, pixels.shape[1], pixels.shape[0], width / 4, height / 4)
    pixels = pixels * (rng.uniform(0.75, 1.15) + 0.1 * light[..., None])
    return to_image(pixels).resize((width, height), Image.Resampling.BICUBIC)


def draw_perch(rng: Generator, draw: ImageDraw, foot: np.ndarray, size: float) -> None:
    """Draws a branch or a rock below `foot`, a point [2]; `size` is the bird's length in pixels."""
    colour = jitter(rng, choose(rng, BROWNS), 0.15)
    if rng.random() < 0.72:
        slope, thick = rng.normal(0, 0.22), size * rng.uniform(0.05, 0.12)
        across = np.array([-6.0, -2.0, -0.6, 0.0, 0.6, 2.0, 6.0])[:, None] * size
        line = foot + (0, thick * 0.45) + across * (1, slope)
        line[:, 1] += rng.normal(0, 0.05, size=7) * np.array([4, 2, 0.3, 0, 0.3, 2, 4]) * size
        line = smooth_line(line)
        for shift, fraction, gain in ((0.0, 1.0, 0.62), (-0.12, 0.72, 0.95), (-0.26, 0.3, 1.25)):
            draw_path(draw, line + (0, shift * thick), thick * fraction, colour, gain)
        return
    rim = np.array([[-2.2, 1.6], [-1.3, 0.5], [-0.6, 0.08], [0.0, 0.0], [0.7, 0.06], [1.5, 0.5]])
    rim = (rim + rng.normal(0, 0.04, size=rim.shape)) * size
    rock = np.concatenate([rim, [[2.2 * size, 1.6 * size]]]) + foot
    for shift, gain in ((0.0, 1.15), (0.06, 0.9), (0.16, 0.72)):
        fill_polygon(draw, smooth_outline(rock + (0, shift * size)), colour, gain)


def draw_leaves(
    rng: Generator, draw: ImageDraw, centre: np.ndarray, size: float, count: int
) -> None:
    """Draws small leaves at random positions around `centre`, a point [2], at most `size` away."""
    colour = jitter(rng, choose(rng, GREENS), 0.15)
    leaf = np.array([[-1, 0], [-0.4, 0.3], [0.3, 0.26], [1, 0], [0.3, -0.26], [-0.4, -0.3]])
    for _ in range(count):
        angle, length = rng.uniform(-180, 180), size * rng.uniform(0.09, 0.19)
        away = rng.normal(0, 1, size=2)
        spot = centre + away / np.hypot(*away) * size * rng.uniform(0.25, 0.85)
        gain = rng.uniform(0.7, 1.25)
        outline = smooth_outline(rotate(leaf * length, angle) + spot)
        fill_polygon(draw, outline, colour, gain)
        half = rotate(leaf[:4] * length * 0.96, angle) + spot
        fill_polygon(draw, half, colour, gain * 1.16)
        midrib = rotate(np.array([[-1.5, 0], [0.95, 0]]) * length, angle) + spot
        draw_path(draw, midrib, length / 14, colour, gain * 0.7)


def occlude_with_leaves(
    rng: Generator,
    scene: Image.Image,
    probability: float,
    centre: np.ndarray,
    size: float,
    most: int,
) -> Image.Image:
    """Returns the scene, with the given probability with 1 to `most` leaves in front.

    Args:
      rng: random generator.
      scene: RGB image.
      probability: probability of leaves.
      centre: point [2] around which the leaves lie, on a canvas `SUPERSAMPLING` times as large.
      size: largest distance of the leaves from the centre, in pixels of that canvas.
      most: largest number of leaves.
    """
    if rng.random() >= probability:
        return scene
    layer = transparent_layer((scene.width * SUPERSAMPLING, scene.height * SUPERSAMPLING))
    draw_leaves(rng, Draw(layer), centre, size, int(rng.integers(1, most + 1)))
    return composite(scene, layer)


def draw_stalk(draw: ImageDraw, points: ArrayLike, width: float, colour: Colour) -> None:
    """Draws a round stalk along the spline through the points [n, 2], `width` pixels wide."""
    line = smooth_line(points)
    for shift, fraction, gain in ((0.0, 1.0, 0.62), (-0.14, 0.66, 0.96), (-0.24, 0.24, 1.2)):
        draw_path(draw, line + shift * width, width * fraction, colour, gain)


def shading(
    rng: Generator, layer: Image.Image, size: float, roundness: float, grain: float = 0.06
) -> np.ndarray:
    """Returns the gain, float [height, width], of light on a subject with round edges and texture.

    Args:
      rng: random generator for the direction of the light and for the texture.
      layer: RGBa layer of the subject, of the size of the scene.
      size: size of the subject in pixels of the layer.
      roundness: strength of the shading at the edges.
      grain: strength of the texture.
    """
    width, height = layer.size
    opacity = layer.getchannel(3)
    opacity = opacity.filter(ImageFilter.GaussianBlur(max(1.0, float(size) * 0.05)))
    slope_y, slope_x = np.gradient(np.asarray(opacity, dtype=np.float32) / 255)
    lit = slope_y * 0.85 + slope_x * rng.uniform(-0.8, 0.8)
    texture = smooth_noise(rng, width, height, max(2, size * 0.07), max(2, size * 0.05))
    return 1.0 + np.clip(lit * size * roundness, -0.4, 0.3) + grain * texture
