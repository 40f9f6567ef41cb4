"""A dataset of photographs as the nine datasets hold them: JPEGs of about 400x500 pixels.

They are windows of the photographs that scikit-image installs, so that decoding them costs what
decoding photographs costs, and no download is needed.
"""

import os

import numpy as np

from slim.datasets import split_lists

NAMES = ('astronaut', 'chelsea', 'coffee', 'rocket', 'stereo_motorcycle')  # A class each.
QUALITY = 92  # About 80 kB a file.


def write_dataset(folder, num_images, num_validation, seed=0):
    """Writes `folder/images/<class>/<number>.jpg`, train.txt, val.txt and labels.txt.

    Args:
      folder: made here.
      num_images: images in train.txt, at least one a class.
      num_validation: how many of them val.txt lists, too.
      seed: of the windows.
    """
    from PIL import Image
    from skimage import data

    random = np.random.default_rng(seed)
    photographs = []
    for name in NAMES:
        pixels = getattr(data, name)()
        pixels = pixels[0] if isinstance(pixels, tuple) else pixels  # Of a stereo pair the left.
        photographs.append(Image.fromarray(pixels))
        os.makedirs(os.path.join(folder, 'images', name))
    listed = []
    for number in range(num_images):
        label = number % len(NAMES)
        path = f'images/{NAMES[label]}/{number:05}.jpg'
        window = _random_window(photographs[label], random)
        window.save(os.path.join(folder, path), quality=QUALITY)
        listed.append(split_lists.ListedImage(path, label))
    for split, images in (('train', listed), ('validation', listed[:num_validation])):
        split_lists.write_list(split_lists.list_path(folder, split), images)
    split_lists.write_labels(folder, NAMES)


def _random_window(photograph, random):
    """A window of 70 to 100% of a photograph's sides, upright or lying, with a camera's noise."""
    from PIL import Image

    width, height = (int(side * random.uniform(0.7, 1)) for side in photograph.size)
    left = int(random.integers(photograph.width - width + 1))
    top = int(random.integers(photograph.height - height + 1))
    longer, shorter = int(random.integers(450, 550)), int(random.integers(350, 450))
    size = (longer, shorter) if width > height else (shorter, longer)
    box = (left, top, left + width, top + height)
    window = photograph.resize(size, Image.Resampling.BICUBIC, box=box)
    # Scaled-up photographs are too smooth; a real one has noise, which JPEG pays for.
    noisy = np.asarray(window) + random.normal(0, 3, (size[1], size[0], 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
