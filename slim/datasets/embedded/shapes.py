"""Curves, colours and textures that every family of drawings is made of.

Points are float arrays [n, 2]; colours are sRGB triples from 0 to 255; `rng` is always a
`numpy.random.Generator`, the only source of chance.
"""

import numpy as np
from PIL import Image

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
        layer: an RGBA image of the scene's size, or `SUPERSAMPLING` times that and then reduced.
            It began transparent black and was drawn on with opaque colours, so that reduced its
            colours are already weighed by its opacity.
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
