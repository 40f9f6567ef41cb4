"""Curves, colours, noise, layers and camera views that all families are rendered with.

Points are float arrays [n, 2], those of a `View` [n, 3]; colours are sRGB triples from 0 to 255;
`rng` is always the random generator that decides everything that varies between images.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image, ImageFilter
from PIL.ImageDraw import Draw, ImageDraw

Colour = Sequence[float] | np.ndarray
Colours = dict[str, np.ndarray]  # colours of one individual by the part that they are for
Option = TypeVar('Option')

SUPERSAMPLING = 2  # shapes are drawn at this multiple of the size and reduced, to antialias edges

# Weights of a Catmull-Rom spline [steps, control points] between two neighbouring points.
_STEPS = np.arange(6) / 6
_SPLINE = 0.5 * np.stack(
    [
        -_STEPS + 2 * _STEPS**2 - _STEPS**3,
        2 - 5 * _STEPS**2 + 3 * _STEPS**3,
        _STEPS + 4 * _STEPS**2 - 3 * _STEPS**3,
        -(_STEPS**2) + _STEPS**3,
    ],
    axis=1,
)


def smooth_outline(points: ArrayLike) -> np.ndarray:
    """Returns a closed spline [6n, 2] through the points [n, 2], in their order."""
    points = np.asarray(points, dtype=np.float64)
    control = np.stack([np.roll(points, shift, axis=0) for shift in (1, 0, -1, -2)])
    return np.einsum('sk,knd->nsd', _SPLINE, control).reshape(-1, 2)


def smooth_line(points: ArrayLike) -> np.ndarray:
    """Returns an open spline [6(n - 1) + 1, 2] from the first to the last of the points [n, 2]."""
    points = np.asarray(points, dtype=np.float64)
    padded = np.concatenate([points[:1], points, points[-1:]])
    control = np.stack([padded[shift : shift + len(points) - 1] for shift in range(4)])
    curve = np.einsum('sk,knd->nsd', _SPLINE, control).reshape(-1, 2)
    return np.concatenate([curve, points[-1:]])


def rotate(points: ArrayLike, degrees: float) -> np.ndarray:
    """Returns the points [n, 2] rotated about the origin."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = np.asarray(points, dtype=np.float64).T
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=1)


def circle(radius: float, count: int = 20) -> np.ndarray:
    """Returns `count` points [count, 2] evenly spaced on a circle about the origin."""
    angles = np.arange(count) * (2 * np.pi / count)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def rectangle(left: float, right: float, low: float, high: float, steps: int = 8) -> np.ndarray:
    """Returns the outline [4 * steps, 2] of an axis-aligned rectangle, with `steps` points a side.

    Petals, wings and leaf blades are unit rectangles that are bent into shape. Markings are such
    rectangles within the unit rectangle and bend with it, so that they need no clipping.
    """
    fraction = np.arange(steps)[:, None] / steps
    ends = np.array([[left, low], [right, low], [right, high], [left, high], [left, low]])
    sides = [a + fraction * (b - a) for a, b in zip(ends[:-1], ends[1:], strict=True)]
    return np.concatenate(sides)


def rgb(colour: Colour, gain: float = 1.0) -> tuple[int, ...]:
    """Returns the colour times `gain` as a triple of integers, as Pillow expects it."""
    return tuple(int(min(max(channel * gain, 0), 255)) for channel in colour)


def blend(first: ArrayLike, second: ArrayLike, fraction: Any) -> Any:
    """Interpolates linearly between colours, points or numbers: `first` at fraction 0."""
    return np.asarray(first) * (1 - fraction) + np.asarray(second) * fraction


def jitter(rng: Generator, colour: Colour, amount: float) -> np.ndarray:
    """Returns the colour with random changes of brightness and, half as strong, of hue."""
    gains = np.exp(rng.normal(0, amount) + rng.normal(0, amount / 2, size=3))
    return np.clip(np.asarray(colour) * gains, 4, 250)


def sample_palette(
    rng: Generator,
    palette: Mapping[str, Colour],
    amount: float,
    species: object,
    parts: Sequence[str],
) -> Colours:
    """Samples an individual's colours: those of its species, which name colours of the palette.

    The palette is jittered, not the parts, so that parts of the same colour keep the same colour.
    """
    own = {name: jitter(rng, palette[name], amount) for name in sorted(palette)}
    return {part: own[getattr(species, part)] for part in parts}


def choose(rng: Generator, options: Sequence[Option]) -> Option:
    """Returns one of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def smooth_noise(
    rng: Generator, width: int, height: int, grain_x: float, grain_y: float
) -> np.ndarray:
    """Returns low-frequency noise, float32 [height, width], mostly between -1 and 1.

    Args:
      rng: random generator.
      width: width in pixels.
      height: height in pixels.
      grain_x: horizontal size of a blob in pixels.
      grain_y: vertical size of a blob in pixels.
    """
    coarse_size = (max(2, round(height / grain_y)), max(2, round(width / grain_x)))
    coarse = Image.fromarray(rng.normal(0, 0.6, size=coarse_size).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def to_image(pixels: ArrayLike) -> Image.Image:
    """Converts pixels [height, width, 3], clipped to 0..255, to an RGB image."""
    return Image.fromarray(np.clip(np.asarray(pixels), 0, 255).astype(np.uint8))


def transparent_layer(size: Sequence[int] | np.ndarray) -> Image.Image:
    """Returns a transparent layer of `size` pixels, to draw on with opaque colours.

    Its mode is 'RGBa', premultiplied by opacity, so that edges are still correct after `reduce`.
    Pillow reduces the colours of an 'RGBA' layer without regard to opacity: edges become bright.
    """
    width, height = size
    return Image.new('RGBa', (int(width), int(height)))


def composite(
    scene: Image.Image, layer: Image.Image, light: np.ndarray | float = 1.0
) -> Image.Image:
    """Pastes a layer over the RGB image `scene`, in place, and returns the image.

    Args:
      scene: RGB image.
      layer: `transparent_layer` with opaque shapes; of the size of the scene, or `SUPERSAMPLING`
        times as large, in which case it is reduced.
      light: gain of the layer's colours, float [height, width] or a single number.
    """
    if layer.size != scene.size:
        layer = layer.reduce(SUPERSAMPLING)
    box = layer.getbbox()
    if box is None:
        return scene
    colours = np.asarray(layer.crop(box), dtype=np.float32)
    if isinstance(light, np.ndarray):
        light = light[box[1] : box[3], box[0] : box[2], None]
    pixels = np.asarray(scene.crop(box), dtype=np.float32) * (1 - colours[..., 3:] / 255)
    pixels += colours[..., :3] * light
    scene.paste(to_image(pixels), box[:2])
    return scene


def fill_polygon(draw: ImageDraw, points: ArrayLike, colour: Colour, gain: float = 1.0) -> None:
    """Fills the polygon with corners `points` [n, 2] with the colour times `gain`."""
    # Pillow draws fastest from a flat list.
    draw.polygon(np.asarray(points).ravel().tolist(), fill=rgb(colour, gain))


def draw_path(
    draw: ImageDraw,
    points: ArrayLike,
    width: float,
    colour: Colour,
    gain: float = 1.0,
    joint: str | None = 'curve',
) -> None:
    """Draws a line through `points` [n, 2], `width` pixels wide but at least one.

    Args:
      draw: Pillow's drawing object.
      points: points [n, 2] on the canvas.
      width: width in pixels; it is rounded.
      colour: colour of the line.
      gain: factor of the colour.
      joint: 'curve' for round corners of wide lines, None for open ones.
    """
    path = np.asarray(points).ravel().tolist()
    draw.line(path, fill=rgb(colour, gain), width=max(1, round(width)), joint=joint)


def polygon_mask(size: tuple[int, int], points: np.ndarray) -> Image.Image:
    """Returns an 'L' image of `size` pixels, 255 within the polygon with corners [n, 2]."""
    mask = Image.new('L', size)
    Draw(mask).polygon(points.ravel().tolist(), fill=255)
    return mask


def fill_disc(
    draw: ImageDraw, centre: ArrayLike, radius: float, colour: Colour, gain: float = 1.0
) -> None:
    """Fills a disc about `centre`, a point [2], with the colour times `gain`."""
    x, y = np.asarray(centre)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rgb(colour, gain))


def cast_shadow(scene: Image.Image, outline: np.ndarray, strength: float, blur: float) -> None:
    """Darkens the RGB image `scene` in place within an outline.

    Args:
      scene: RGB image.
      outline: corners [n, 2] of the shadow, in pixels of the scene.
      strength: opacity of the shadow, 0 to 1.
      blur: width of the soft edge in pixels.
    """
    small = (scene.width // 4, scene.height // 4)  # the blur hides the lower resolution
    shadow = Image.new('L', small)
    Draw(shadow).polygon((outline / 4).ravel().tolist(), fill=round(255 * strength))
    shadow = shadow.filter(ImageFilter.GaussianBlur(blur / 4))
    scene.paste((18, 18, 24), mask=shadow.resize(scene.size, Image.Resampling.BILINEAR))


class Frame:
    """Coordinate frame of an object on the canvas.

    Attributes:
      scale: canvas pixels per unit of length at the object's origin.
    """

    scale: float

    def pixels(self, length: float) -> int:
        """Converts a length to whole canvas pixels, at least one."""
        return max(1, round(length * self.scale))


@dataclasses.dataclass
class View(Frame):
    """Camera view of a solid object; calling it projects points [n, 3] to canvas points [n, 2].

    In the object's own frame x points ahead, y up and z towards the camera.

    Attributes:
      yaw: rotation of the object about the vertical axis in degrees; if negative, its front is
        nearer to the camera.
      pitch: elevation of the camera in degrees; if negative, it looks from below.
      roll: rotation of the image in degrees.
      facing: 1 if the object faces right, -1 if it faces left.
      scale: canvas pixels per unit of length at the object's origin.
      origin: canvas point [2] of the object's origin.
      depth: strength of the perspective: relative growth per unit of length towards the camera.
    """

    yaw: float
    pitch: float
    roll: float
    facing: int
    scale: float
    origin: np.ndarray
    depth: float

    def __post_init__(self) -> None:
        sin_yaw, sin_pitch = np.sin(np.radians([self.yaw, self.pitch]))
        cos_yaw, cos_pitch = np.cos(np.radians([self.yaw, self.pitch]))
        across = np.array([cos_yaw, 0, sin_yaw])
        nearer = np.array([-sin_yaw, 0, cos_yaw])
        up = np.array([0, cos_pitch, 0]) - sin_pitch * nearer
        axes = rotate(np.stack([across, up]).T, self.roll)
        self._axes = axes * (self.facing, -1) * self.scale
        self._nearer = cos_pitch * nearer + (0, sin_pitch, 0)

    def __call__(self, points: ArrayLike) -> np.ndarray:
        points = np.asarray(points, dtype=np.float64)
        away = 1 - self.depth * (points @ self._nearer)
        return points @ self._axes / away[:, None] + self.origin

    def nearness(self, direction: ArrayLike) -> float:
        """Returns the component of a direction [3] that points towards the camera."""
        return float(np.dot(direction, self._nearer))


class Brush:
    """Draws on the surfaces of one object; the families' brushes add their surfaces.

    Attributes:
      draw: Pillow's drawing object of the layer.
      view: camera view of the object.
    """

    def __init__(self, draw: ImageDraw, view: View) -> None:
        self.draw, self.view = draw, view

    def fill(self, points: ArrayLike, colour: Colour, gain: float = 1.0) -> None:
        """Fills the polygon with corners `points` [n, 2] on the canvas."""
        fill_polygon(self.draw, points, colour, gain)

    def stroke(
        self, points: ArrayLike, colour: Colour, thickness: float, gain: float = 1.0
    ) -> None:
        """Draws a line through `points` [n, 2] on the canvas; `thickness` in the object's units."""
        draw_path(self.draw, points, self.view.pixels(thickness), colour, gain)
