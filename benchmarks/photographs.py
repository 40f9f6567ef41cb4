"""A dataset of JPEG files of about 400x500 pixels, as those of the paper's datasets.

They are crops of the photographs that scikit-image installs: decoding them takes as long as
decoding other photographs, and nothing has to be downloaded.
"""

import os

import numpy as np
from PIL import Image

from slim.datasets import split_lists

NAMES = ('astronaut', 'chelsea', 'coffee', 'rocket', 'stereo_motorcycle')  # One class each.
NAME = 'photographs'  # Of the dataset.
QUALITY = 92  # About 60 kB per file.


def write_dataset(folder: str, num_images: int, num_validation: int, seed: int = 0) -> None:
    """Writes `folder/images/<class>/<number>.jpg`, train.txt, val.txt and labels.txt.

    Args:
      folder: folder to create.
      num_images: number of images in train.txt, at least one per class.
      num_validation: number of these images that are in val.txt, too.
      seed: random seed for the crops.
    """
    from skimage import data

    random = np.random.default_rng(seed)
    photographs = []
    for name in NAMES:
        pixels = getattr(data, name)()
        pixels = pixels[0] if isinstance(pixels, tuple) else pixels  # The left of a stereo pair.
        photographs.append(Image.fromarray(pixels))
        os.makedirs(os.path.join(folder, 'images', name))
    listed = []
    for number in range(num_images):
        label = number % len(NAMES)
        path = f'images/{NAMES[label]}/{number:05}.jpg'
        crop = Image.fromarray(_random_crop(photographs[label], random))
        crop.save(os.path.join(folder, path), quality=QUALITY)
        listed.append(split_lists.ListedImage(path, label))
    for split, images in (('train', listed), ('validation', listed[:num_validation])):
        split_lists.write_list(split_lists.list_path(folder, split), images)
    split_lists.write_labels(folder, NAMES)


def _random_crop(photograph: Image.Image, random: np.random.Generator) -> np.ndarray:
    """Returns a crop of 70 to 100% of each side, portrait or landscape, with a camera's noise."""
    width, height = (int(side * random.uniform(0.7, 1)) for side in photograph.size)
    left = int(random.integers(photograph.width - width + 1))
    top = int(random.integers(photograph.height - height + 1))
    longer, shorter = int(random.integers(450, 550)), int(random.integers(350, 450))
    size = (longer, shorter) if width > height else (shorter, longer)
    box = (left, top, left + width, top + height)
    crop = np.asarray(photograph.resize(size, Image.Resampling.BICUBIC, box=box))
    # Enlarged photographs are too smooth: real ones have noise, which makes JPEG files larger.
    return np.clip(crop + random.normal(0, 3, crop.shape), 0, 255).astype(np.uint8)
