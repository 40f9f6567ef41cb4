"""What turns a drawn scene into a photograph: light, lens, sensor, white balance, JPEG."""

import io

import numpy as np
from PIL import Image, ImageFilter

from slim.synthetic.shapes import cloudy

REVISION = 1  # raise it when the same scene becomes another photograph

# Shapes of a picture (width : height) and how often each is met.
SHAPES = ((4, 3), (3, 2), (3, 4), (2, 3), (1, 1))
SHAPE_CHANCES = (0.34, 0.2, 0.2, 0.1, 0.16)
LONG_SIDE = (160, 320)  # pixels


def frame_size(rng):
    """Width and height in pixels: landscape, portrait or square, 160 to 320 on the long side."""
    across, down = SHAPES[int(rng.choice(len(SHAPES), p=SHAPE_CHANCES))]
    longest = int(rng.integers(LONG_SIDE[0], LONG_SIDE[1] + 1))
    scale = longest / max(across, down)
    return round(across * scale), round(down * scale)


def take_photograph(scene, rng):
    """The bytes of a JPEG photograph (RGB, baseline, quality 80 to 95, no EXIF) of an RGB scene.

    Args:
        scene: an RGB `PIL.Image`; the photograph has its size.
        rng: a `numpy.random.Generator`, which decides light, blur, noise, colours and quality.
    """
    width, height = scene.size
    if rng.random() < 0.5:
        scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9)))
    pixels = np.asarray(scene, dtype=np.float32) / 255

    exposure = np.exp(rng.normal(0, 0.14))
    balance = np.exp(rng.normal(0, 1, size=3) * (0.06, 0.02, 0.08)).astype(np.float32)
    dapple = cloudy(rng, width, height, width / 4, height / 4) * rng.uniform(0.02, 0.14)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    vignette = rng.uniform(0, 0.14) * (across**2 + down**2)
    light = np.asarray(exposure * (1 + dapple - vignette), dtype=np.float32)
    pixels *= light[..., None]
    pixels *= balance

    grey = (pixels[..., 0:1] + pixels[..., 1:2] + pixels[..., 2:3]) / 3
    pixels -= grey
    pixels *= rng.uniform(0.72, 1.15)  # saturation
    pixels += grey
    contrast = rng.uniform(0.8, 1.15)
    pixels *= contrast
    pixels += 0.45 * (1 - contrast) + rng.uniform(0, 0.04)

    # A sensor's noise is mostly in the light, and less so in the colours.
    grain = rng.standard_normal(size=(height, width, 3), dtype=np.float32)
    strength = rng.uniform(0.006, 0.032)
    pixels += (0.8 * strength) * grain[..., 1:2]
    grain *= 0.5 * strength
    pixels += grain

    pixels *= 255
    np.clip(pixels, 0, 255, out=pixels)
    photograph = Image.fromarray(pixels.astype(np.uint8))
    encoded = io.BytesIO()
    photograph.save(encoded, format='JPEG', quality=int(rng.integers(80, 96)))
    return encoded.getvalue()
