"""Fixtures of the library's tests: TensorFlow, configured once, and a small converted dataset."""

import numpy as np
import pytest
from PIL import Image

from slim.quiet_import import import_tensorflow

tf = import_tensorflow()

# Two devices for tests of distribution; they must be created before anything runs. The number of
# threads is the same on all machines, because the order in which they sum decides the last bits.
cpu = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.threading.set_intra_op_parallelism_threads(2)


@pytest.fixture(scope='session')
def stripes(tmp_path_factory):
    """Returns the folder of a converted dataset `stripes`: 4 classes, 50 + 10 JPEGs, 3 shards."""
    from slim.datasets import conversion, split_lists

    data = tmp_path_factory.mktemp('data')
    folder = data / 'stripes'
    rng = np.random.default_rng(0)
    lists = {'train': 50, 'validation': 10}
    for split, count in lists.items():
        images = []
        for number in range(count):
            label = number % 4
            height, width = rng.integers(90, 140, 2)
            y, x = np.mgrid[0:height, 0:width]
            angle = label * np.pi / 4
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / 4 + rng.uniform(0, 6))
            pixels = 127 + 80 * wave[..., None] * rng.uniform(0.5, 1, 3)
            pixels = np.clip(pixels + rng.normal(0, 10, pixels.shape), 0, 255).astype(np.uint8)
            path = folder / 'images' / f'{split}_{number}.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, quality=90)
            images.append((f'images/{path.name}', label))
        split_lists.write_list(split_lists.list_path(str(folder), split), images)
    conversion.convert(str(data), 'stripes', num_shards=3, progress=False)
    return data
