"""Fixtures of all tests: scripts in separate processes, real photographs, a tiny training."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from PIL import Image

from slim import configs
from slim.datasets import conversion, split_lists
from slim.quiet_import import import_tensorflow

# The expected numbers are those of a CPU. Set the variable in the environment to try a GPU.
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')

# Background processes ignore Ctrl-C, and the scripts started here would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
TRAIN_IMAGES, VAL_IMAGES = 12, 4  # of each class


def _command(name, arguments):
    return [sys.executable, str(ROOT / name), *(str(argument) for argument in arguments)]


@pytest.fixture(scope='session')
def root():
    """Returns the root folder of the repository."""
    return ROOT


@pytest.fixture(scope='session')
def run_script():
    """Returns `run_script(name, *arguments)`, which runs a script in a separate process."""

    def run(name, *arguments, env=None, timeout=240, cwd=None):
        env = {**os.environ, **(env or {})}
        command = _command(name, arguments)
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=env, cwd=cwd
        )

    return run


@pytest.fixture(scope='session')
def run_bash():
    """Returns `run_bash(name, *arguments, env=...)`, which runs a shell script with only `env`."""

    def run(name, *arguments, env=None):
        env = {'PATH': os.environ['PATH'], **(env or {})}
        command = ['bash', str(ROOT / name), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)

    return run


class RunningScript:
    """A running script, whose output goes to files, so that it never waits for a reader."""

    def __init__(self, command, folder, env):
        self._files = {name: folder / name for name in ('stdout', 'stderr')}
        with open(self._files['stdout'], 'wb') as out, open(self._files['stderr'], 'wb') as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, env=env)

    @property
    def stdout(self):
        return self._files['stdout'].read_text()

    @property
    def stderr(self):
        return self._files['stderr'].read_text()

    def wait_until(self, condition, timeout=120):
        """Waits until `condition()` is true; fails if the script ends before that."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert self.process.poll() is None, self.stderr
            assert time.monotonic() < deadline, self.stderr
            time.sleep(0.01)

    def wait_for(self, text, timeout=120):
        """Waits until `text` appears on stdout or stderr."""
        self.wait_until(lambda: text in self.stdout or text in self.stderr, timeout)

    def end(self, number=None, timeout=120):
        """Sends a signal, if one is given, and waits; returns the exit status."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(timeout)


@pytest.fixture
def start_script(tmp_path):
    """Returns `start_script(name, *arguments)`; scripts still running after the test are killed."""
    started = []

    def start(name, *arguments, env=None, command=None):
        folder = tmp_path / f'output {len(started)}'
        folder.mkdir()
        env = {**os.environ, **(env or {})}
        started.append(RunningScript(command or _command(name, arguments), folder, env))
        return started[-1]

    yield start
    for script in started:
        if script.process.poll() is None:
            script.end(signal.SIGKILL)


@pytest.fixture(scope='session')
def failure():
    """Returns `failure(result)`, which checks that a script failed and returns the error line."""

    def line(result, lines=None):
        assert result.returncode == 1, result.stderr
        assert 'Traceback' not in result.stdout + result.stderr
        if lines is not None:
            assert len(result.stderr.splitlines()) == lines, result.stderr
        script = Path(result.args[1]).name
        last = result.stderr.splitlines()[-1]
        assert last.startswith(f'{script}: '), result.stderr
        return last

    return line


@pytest.fixture(scope='session')
def without_tensorflow(tmp_path_factory):
    """Returns environment variables with which importing TensorFlow raises an error."""
    trap = tmp_path_factory.mktemp('trap')
    (trap / 'tensorflow.py').write_text("raise RuntimeError('TensorFlow was imported')\n")
    return {'PYTHONPATH': str(trap)}


@pytest.fixture(scope='session')
def official_minival():
    """Returns the path of the paper's iNaturalist minival list, which is not in the repository."""
    name = 'inat_minival.txt'
    for path in (ROOT / name, ROOT.parent / 'shared/reference' / name):
        if path.is_file():
            return path
    pytest.skip(f'{ROOT / name} does not exist; python download.py inat_minival downloads it')


def _photographs():
    """Returns photographs of scikit-image and scikit-learn by name."""
    china, flower = sklearn.datasets.load_sample_images().images
    return {
        'astronaut': skimage.data.astronaut(),
        'cat': skimage.data.chelsea(),
        'coffee': skimage.data.coffee(),
        'flower': flower,
        'galaxies': skimage.data.hubble_deep_field(),
        'motorcycle': skimage.data.stereo_motorcycle()[0],
        'rocket': skimage.data.rocket(),
        'temple': china,
    }


def _random_crop(photograph, random):
    """Returns a resized crop of 50% to 90% of a photograph's height and width."""
    size = (random.uniform(0.5, 0.9, 2) * photograph.size).astype(int)
    start = random.integers(np.subtract(photograph.size, size))
    new_size = [int(length) for length in random.integers(110, 200, 2)]
    return photograph.resize(new_size, box=(*start, *(start + size)))


@pytest.fixture(scope='session')
def photos_dir(tmp_path_factory):
    """Returns a folder with the dataset `photos`, not converted; a class is crops of one image."""
    data_dir = tmp_path_factory.mktemp('photos')
    folder = data_dir / 'photos'
    random = np.random.default_rng(0)
    listed = {split: [] for split in split_lists.LIST_NAMES}
    photographs = _photographs()
    for label, (name, pixels) in enumerate(photographs.items()):
        (folder / 'images' / name).mkdir(parents=True)
        photograph = Image.fromarray(pixels)
        for split, count in zip(listed, (TRAIN_IMAGES, VAL_IMAGES), strict=True):
            for number in range(count):
                path = f'images/{name}/{split}: {number}.jpg'
                _random_crop(photograph, random).save(folder / path, quality=90)
                listed[split].append((path, label))
    for split, images in listed.items():
        split_lists.write_list(split_lists.list_path(str(folder), split), images)
    split_lists.write_labels(str(folder), list(photographs))
    return data_dir


@pytest.fixture(scope='session')
def data_dir(photos_dir, tmp_path_factory):
    """Returns a folder with the dataset `photos`, converted to two shards per split."""
    folder = tmp_path_factory.mktemp('data')
    shutil.copytree(photos_dir / 'photos', folder / 'photos')
    conversion.convert(str(folder), 'photos', num_shards=2, progress=False)
    return folder


@pytest.fixture
def own_data_dir(data_dir, tmp_path):
    """Returns a copy of `data_dir` that a test may damage."""
    shutil.copytree(data_dir, tmp_path / 'own data')
    return tmp_path / 'own data'


# The smallest possible training: a quarter of the channels, the smallest images.
TINY_FLAGS = ('--depth_multiplier=0.25', '--train_image_size=75', '--batch_size=8')


@pytest.fixture(scope='session')
def tiny_flags(data_dir):
    """Returns flags of `train.py` for a tiny training on `photos`."""
    return (f'--dataset_dir={data_dir}', '--dataset_name=photos', *TINY_FLAGS)


@pytest.fixture(scope='session')
def tiny_config():
    """Returns `tiny_config(**changes)`, which creates the configuration of `tiny_flags`."""
    import_tensorflow('slim.compat')

    return functools.partial(
        configs.TrainingConfig, depth_multiplier=0.25, image_size=75, batch_size=8
    )


@pytest.fixture(scope='session')
def trained(data_dir, tiny_config, tmp_path_factory):
    """Returns a folder with the checkpoints of steps 0 and 3 of a tiny training."""
    from slim.datasets.dataset import load_dataset
    from slim.learning import training

    folder = tmp_path_factory.mktemp('trained')
    dataset = load_dataset(str(data_dir), 'photos', 'train')
    # With a batch-norm decay for which three steps suffice.
    config = tiny_config(max_number_of_steps=3, batch_norm_decay=0.5)
    assert training.train(config, dataset, str(folder)) is None
    return folder
