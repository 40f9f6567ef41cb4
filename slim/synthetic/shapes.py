"""Curves, colours, textures and views that every family of drawings is made of.

Points are float arrays [n, 2], of a `View` [n, 3]; colours are sRGB triples from 0 to 255; `rng` is
always a `numpy.random.Generator`, the only source of chance.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SUPERSAMPLING = 2  # shapes are drawn this much larger and reduced, which smooths their edges

# Half-way weights of a Catmull-Rom spline at a few places between two neighbouring points.
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


def smooth_outline(points):
    """A closed smooth curve [6n, 2] through the points [n, 2], in their order."""
    points = np.asarray(points, dtype=np.float64)
    around = np.stack([np.roll(points, shift, axis=0) for shift in (1, 0, -1, -2)])
    return np.einsum('sk,knd->nsd', _SPLINE, around).reshape(-1, 2)


def smooth_line(points):
    """An open smooth curve [6(n - 1) + 1, 2] from the first to the last of the points [n, 2]."""
    points = np.asarray(points, dtype=np.float64)
    padded = np.concatenate([points[:1], points, points[-1:]])
    around = np.stack([padded[shift : shift + len(points) - 1] for shift in range(4)])
    curve = np.einsum('sk,knd->nsd', _SPLINE, around).reshape(-1, 2)
    return np.concatenate([curve, points[-1:]])


def turn(points, degrees):
    """The points [n, 2] turned about the origin."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    points = np.asarray(points, dtype=np.float64)
    return np.stack(
        [points[:, 0] * cos - points[:, 1] * sin, points[:, 0] * sin + points[:, 1] * cos], axis=1
    )


def corners(points):
    """The points as the flat list of numbers that Pillow draws fastest."""
    return np.asarray(points).ravel().tolist()


def ink(colour, gain=1.0):
    """The colour times gain as the triple of integers that Pillow takes."""
    return tuple(int(min(max(channel * gain, 0), 255)) for channel in colour)


def mix(first, second, share):
    """The colour `share` of the way from the first to the second, an array [3]."""
    return np.asarray(first) * (1 - share) + np.asarray(second) * share


def vary(rng, colour, amount):
    """The colour of one individual: a little lighter or darker, and a little off in hue."""
    gains = np.exp(rng.normal(0, amount) + rng.normal(0, amount / 2, size=3))
    return np.clip(np.asarray(colour) * gains, 4, 250)


def cloudy(rng, width, height, grain_x, grain_y):
    """Smooth noise, float32 [height, width], mostly within -1..1, in lumps of the given pixels."""
    coarse_size = (max(2, round(height / grain_y)), max(2, round(width / grain_x)))
    coarse = Image.fromarray(rng.normal(0, 0.6, size=coarse_size).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def lay_over(scene, layer, light=1.0):
    """The RGB image `scene` with a drawn layer over it.

    Args:
        scene: an RGB image.
        layer: a `clear_layer`, drawn on with opaque colours, of the scene's size, or
            `SUPERSAMPLING` times that and then reduced.
        light: a gain for each pixel of the layer, float [height, width], or one for all.
    """
    if layer.size != scene.size:
        layer = layer.reduce(SUPERSAMPLING)
    box = layer.getbbox()
    if box is None:
        return scene
    drawn = np.asarray(layer.crop(box), dtype=np.float32)
    if not np.isscalar(light):
        light = light[box[1] : box[3], box[0] : box[2], None]
    pixels = np.asarray(scene.crop(box), dtype=np.float32) * (1 - drawn[..., 3:] / 255)
    pixels += drawn[..., :3] * light
    np.clip(pixels, 0, 255, out=pixels)
    scene.paste(Image.fromarray(pixels.astype(np.uint8)), box[:2])
    return scene


def dot(draw, centre, radius, fill):
    """Draws a filled disc about the centre, a point [2]."""
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def patch(left, right, low, high, steps=8):
    """The outline [4 * steps, 2] of an upright rectangle, a point at each of so many steps a side.

    Petals, wings and leaf blades are unit rectangles bent into shape: a patch of the rectangle
    bends with them, so that markings follow the outline and need no clipping.
    """
    share = np.arange(steps)[:, None] / steps
    ends = np.array([[left, low], [right, low], [right, high], [left, high], [left, low]])
    sides = [a + share * (b - a) for a, b in zip(ends[:-1], ends[1:], strict=True)]
    return np.concatenate(sides)


def clear_layer(size):
    """A transparent layer of so many pixels, to draw on with opaque colours and to lay over.

    Its mode is 'RGBa', colours times opacity: Pillow reduces it as it is, so that `lay_over` finds
    edges weighed. An 'RGBA' layer it would reduce to unweighed colours, which leaves bright edges.
    """
    width, height = size
    return Image.new('RGBa', (int(width), int(height)))


def choose(rng, options):
    """One of the options, a sequence, all equally likely."""
    return options[int(rng.integers(len(options)))]


def ring(radius, count=20):
    """Points [count, 2] evenly round a circle about the origin."""
    around = np.arange(count) * (2 * np.pi / count)
    return radius * np.stack([np.cos(around), np.sin(around)], axis=1)


class View:
    """How a camera sees a solid thing: calling it turns points [n, 3] into canvas points [n, 2].

    In the thing's own frame x is ahead, y up and z towards the camera.

    Attributes:
        yaw: degrees the thing is turned about its upright; below zero its front comes nearer.
        pitch: degrees the camera stands above it, below zero under it.
        roll: degrees the picture is turned.
        facing: 1 to look right, -1 to look left.
        scale: canvas pixels of a length of 1 at the thing's origin.
        origin: canvas point [2] of the thing's origin.
        depth: perspective: how much larger things become for each length that they are nearer.
    """

    def __init__(self, yaw, pitch, roll, facing, scale, origin, depth):
        self.yaw, self.pitch, self.roll, self.facing = yaw, pitch, roll, facing
        self.scale, self.origin, self.depth = scale, np.asarray(origin), depth
        sin_yaw, sin_pitch = np.sin(np.radians([yaw, pitch]))
        cos_yaw, cos_pitch = np.cos(np.radians([yaw, pitch]))
        across = np.array([cos_yaw, 0, sin_yaw])
        nearer = np.array([-sin_yaw, 0, cos_yaw])
        up = np.array([0, cos_pitch, 0]) - sin_pitch * nearer
        picture = turn(np.stack([across, up]).T, roll)
        self._axes = picture * (facing, -1) * scale
        self._nearer = cos_pitch * nearer + (0, sin_pitch, 0)

    def __call__(self, points):
        points = np.asarray(points, dtype=np.float64)
        away = 1 - self.depth * (points @ self._nearer)
        return points @ self._axes / away[:, None] + self.origin

    def nearness(self, direction):
        """How much a direction [3] points at the camera, -1 to 1 if it is of length 1."""
        return float(np.dot(direction, self._nearer))

    def pixels(self, length):
        """A length in whole canvas pixels, at least one."""
        return max(1, round(length * self.scale))


def cast_shadow(scene, outline, strength, blur):
    """Darkens the RGB image `scene` within the outline [n, 2].

    Args:
        scene: an RGB image, changed in place.
        outline: in pixels of the scene.
        strength: 0 to 1, how dark.
        blur: pixels of soft edge.
    """
    small = (scene.width // 4, scene.height // 4)  # it is blurred anyway
    shadow = Image.new('L', small)
    ImageDraw.Draw(shadow).polygon(corners(np.asarray(outline) / 4), fill=round(255 * strength))
    shadow = shadow.filter(ImageFilter.GaussianBlur(blur / 4))
    scene.paste((18, 18, 24), mask=shadow.resize(scene.size, Image.Resampling.BILINEAR))
