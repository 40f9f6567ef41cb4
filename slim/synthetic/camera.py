"""Simulates a camera: light, lens, sensor noise, white balance and JPEG compression."""

import io

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from slim.synthetic.shapes import smooth_noise

REVISION = 1  # to be raised whenever the same scene gives another image

# Aspect ratios (width : height) and their probabilities.
SHAPES = ((4, 3), (3, 2), (3, 4), (2, 3), (1, 1))
SHAPE_CHANCES = (0.34, 0.2, 0.2, 0.1, 0.16)
LONG_SIDE = (160, 320)  # smallest and largest long side in pixels


def frame_size(rng: Generator) -> tuple[int, int]:
    """Samples an image's width and height in pixels: landscape, portrait or square."""
    across, down = SHAPES[int(rng.choice(len(SHAPES), p=SHAPE_CHANCES))]
    longest = int(rng.integers(LONG_SIDE[0], LONG_SIDE[1] + 1))
    scale = longest / max(across, down)
    return round(across * scale), round(down * scale)


def simulate_camera(scene: Image.Image, rng: Generator) -> bytes:
    """Returns a JPEG image (RGB, baseline, quality 80 to 95, no EXIF) of a rendered scene.

    Args:
      scene: sharp RGB image; the JPEG image has the same size.
      rng: random generator for light, blur, noise, colour balance and JPEG quality.
    """
    width, height = scene.size
    if rng.random() < 0.5:
        scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9)))
    pixels = np.asarray(scene, dtype=np.float32) / 255

    exposure = np.exp(rng.normal(0, 0.14))
    balance = np.exp(rng.normal(0, 1, size=3) * (0.06, 0.02, 0.08)).astype(np.float32)
    dapple = smooth_noise(rng, width, height, width / 4, height / 4) * rng.uniform(0.02, 0.14)
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

    # Sensor noise is stronger in luminance than in chrominance.
    noise = rng.standard_normal(size=(height, width, 3), dtype=np.float32)
    strength = rng.uniform(0.006, 0.032)
    pixels += (0.8 * strength) * noise[..., 1:2]
    noise *= 0.5 * strength
    pixels += noise

    pixels *= 255
    np.clip(pixels, 0, 255, out=pixels)
    encoded = io.BytesIO()
    quality = int(rng.integers(80, 96))
    Image.fromarray(pixels.astype(np.uint8)).save(encoded, format='JPEG', quality=quality)
    return encoded.getvalue()
