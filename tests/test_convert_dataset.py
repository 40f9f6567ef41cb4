import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slim.files import LOCK
from slim.quiet_import import import_tensorflow

SCRIPT = Path(__file__).parents[1] / 'convert_dataset.py'


def make_dataset(parent, name='birds'):
    folder = parent / name
    for number in range(6):
        path = folder / 'images' / f'class {number % 2}' / f'{number}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    lines = [f'images/class {number % 2}/{number}.jpg: {number % 2}\n' for number in range(6)]
    (folder / 'train.txt').write_text(''.join(lines[:4]))
    (folder / 'val.txt').write_text(''.join(lines[4:]))
    return folder


@pytest.fixture
def without_tensorflow(tmp_path):
    """An environment in which importing TensorFlow raises an exception."""
    trap = tmp_path / 'trap' / 'tensorflow.py'
    trap.parent.mkdir()
    trap.write_text("raise RuntimeError('TensorFlow was imported')\n")
    return {**os.environ, 'PYTHONPATH': str(trap.parent)}


def run(*arguments, env=None):
    command = [sys.executable, str(SCRIPT), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def assert_one_line(result, *parts):
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith('convert_dataset.py: ')
    for part in parts:
        assert part in lines[0]


def output_files(folder):
    return sorted(set(os.listdir(folder)) - {'train.txt', 'val.txt', 'images', LOCK})


def test_converts_without_tensorflow_and_a_second_run_does_nothing(tmp_path, without_tensorflow):
    folder = make_dataset(tmp_path)
    arguments = ('--dataset_name=birds', '--num_shards=2', f'--dataset_dir={tmp_path}')
    first = run(*arguments, '--num_workers=2', env=without_tensorflow)
    assert (first.returncode, first.stderr) == (0, '')
    assert '4 train and 2 validation images of 2 classes' in first.stdout.splitlines()[-1]
    made = [f'{split}_0000{i}-of-00002.tfrecord' for split in ('train', 'validation') for i in '01']
    assert output_files(folder) == sorted([*made, 'labels.txt', 'manifest.json'])
    assert (folder / 'labels.txt').read_text() == '0:class 0\n1:class 1\n'
    assert json.loads((folder / 'manifest.json').read_text())['seed'] == 0

    second = run(*arguments, env=without_tensorflow)
    assert (second.returncode, second.stderr) == (0, '')
    assert 'already converted' in second.stdout


def test_help_shows_the_command_and_every_flag(without_tensorflow):
    result = run('--help', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'python convert_dataset.py --dataset_name=cub_200' in result.stdout
    flags = '--num_shards (default: 10)', '--dataset_dir', '--seed', '--num_workers', '--on_error'
    for flag in ('--dataset_name', '--[no]apply_exif_rotation', *flags):
        assert flag in result.stdout


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['dataset_name']),
        (['--dataset_name='], ['dataset_name']),
        (['--dataset_name=a', '--num_shards=0'], ['num_shards']),
        (['--dataset_name=a', '--num_shards=ten'], ['num_shards']),
        (['--dataset_nmae=a'], ['--dataset_name']),
        (['--dataset_name=a', 'stray'], ['stray']),
        (['--dataset_name=a/b'], ['a/b', 'not the name of a dataset']),
        (['--dataset_name=cub200'], ['unknown dataset cub200', 'cub_200']),
    ],
)
def test_mistakes_in_flags_get_one_line(tmp_path, without_tensorflow, arguments, parts):
    result = run(*arguments, f'--dataset_dir={tmp_path}', env=without_tensorflow)
    assert_one_line(result, *parts)


def spoil_line(folder):
    (folder / 'val.txt').write_text('images/class 0/4.jpg 0\n')
    return ['val.txt, line 1', 'relative/path.jpg: label']


def leave_folder(folder):
    (folder / 'val.txt').write_text('../secret.jpg: 0\n')
    return ['val.txt, line 1', '../secret.jpg leaves']


def remove_list(folder):
    (folder / 'val.txt').unlink()
    return ['val.txt is missing']


def empty_list(folder):
    (folder / 'train.txt').write_text('')
    return ['train.txt is empty']


def remove_image(folder):
    (folder / 'images/class 1/3.jpg').unlink()
    return ['class 1/3.jpg', 'missing']


@pytest.mark.parametrize('spoil', [spoil_line, leave_folder, remove_list, empty_list, remove_image])
def test_bad_input_gets_one_line(tmp_path, without_tensorflow, spoil):
    folder = make_dataset(tmp_path)
    parts = spoil(folder)
    arguments = ('--dataset_name=birds', '--num_shards=2', f'--dataset_dir={tmp_path}')
    assert_one_line(run(*arguments, env=without_tensorflow), *parts)
    assert set(output_files(folder)) <= {'problems.csv'}


def test_a_damaged_image_gets_one_line(tmp_path):
    folder = make_dataset(tmp_path)
    image = folder / 'images/class 1/5.jpg'
    image.write_bytes(image.read_bytes()[:-2])
    result = run('--dataset_name=birds', '--num_shards=1', f'--dataset_dir={tmp_path}')
    assert_one_line(result, 'val.txt, line 2: images/class 1/5.jpg is truncated', '--on_error=skip')
    assert 'converted' not in result.stdout
    assert not (folder / 'manifest.json').exists()


def picture(seed=0, size=(40, 30), mode='RGB'):
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image, kind='JPEG', **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def rotated_exif():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


SIXTEEN_BITS = Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50)
RGBA = picture().copy()
RGBA.putalpha(picture(1).convert('L'))
ANIMATED = {'save_all': True, 'append_images': [picture(5)]}
# All are named .jpg. Images that are stored untouched:
UNTOUCHED = {
    'baseline': encoded(picture(2)),
    'progressive': encoded(picture(3), progressive=True),
    'gray': encoded(picture(4, mode='L')),
    'rotated by EXIF': encoded(picture(5), exif=rotated_exif()),
    'one pixel': encoded(picture(6, (1, 1))),
    'data after the end': encoded(picture(7)) + b'trailer',
    'two pictures': encoded(picture(8), 'MPO', **ANIMATED),
    'spaces: colons and \u00e4ccents': encoded(picture(9)),
}
# Images that are re-encoded:
REENCODED = {
    'cmyk': encoded(picture(10, mode='CMYK')),
    'png': encoded(picture(11), 'PNG'),
    'transparent png': encoded(RGBA, 'PNG'),
    'palette png': encoded(picture(12).quantize(16), 'PNG'),
    'sixteen bits png': encoded(SIXTEEN_BITS, 'PNG'),
    'sixteen bits tiff': encoded(SIXTEEN_BITS, 'TIFF'),
    'tiff': encoded(picture(13), 'TIFF'),
    'webp': encoded(picture(14), 'WEBP'),
    'bmp': encoded(picture(15), 'BMP'),
    'animated gif': encoded(picture(16), 'GIF', **ANIMATED),
}
# Files that are not images: content, problem.
BAD_FILES = {
    'empty': (b'', 'empty'),
    'web page': (b'<!DOCTYPE html><html><body>404</body></html>', 'a web page'),
    'text': (b'not an image', 'not an image'),
    'zeros': (bytes(5000), 'not an image'),
    'half a jpeg': (encoded(picture(17))[:400], 'damaged'),
    'half a progressive jpeg': (encoded(picture(18), progressive=True)[:500], 'damaged'),
    'jpeg without an end': (encoded(picture(19))[:-2], 'damaged'),
    'half a png': (encoded(picture(20), 'PNG')[:700], 'damaged'),
    'floating point tiff': (
        encoded(Image.fromarray(np.zeros((4, 4), np.float32)), 'TIFF'),
        'not 8 or 16 bits',
    ),
}
# Malformed lines: line, problem.
BAD_LINES = {
    b'images/baseline.jpg 0': 'unreadable line',
    b': 0': 'unreadable line',
    b'images/gray.jpg: wren': 'label no number',
    b'images/gray.jpg: -1': 'label negative',
    b'images/gray.jpg: 7': 'label out of range',
    b'images/caf\xe9.jpg: 1': 'not UTF-8',
    b'../outside.jpg: 0': 'path outside',
    b'/etc/hostname: 0': 'path outside',
    b'images/not there.jpg: 0': 'missing',
    b'images/folder.jpg: 0': 'no file',
    b'images/pipe.jpg: 0': 'no file',
    b'images/loop.jpg: 0': 'unreadable',
}


@pytest.fixture
def odd_folder(tmp_path):
    """A folder with all of the above, and the expected report: (list, line, problem)."""
    folder = tmp_path / 'odd'
    (folder / 'images').mkdir(parents=True)
    bad = {name: content for name, (content, _) in BAD_FILES.items()}
    twice = {'two labels': encoded(picture(21))}
    for name, content in (UNTOUCHED | REENCODED | bad | twice).items():
        (folder / 'images' / f'{name}.jpg').write_bytes(content)
    (folder / 'images/folder.jpg').mkdir()
    os.mkfifo(folder / 'images/pipe.jpg')
    os.symlink('loop.jpg', folder / 'images/loop.jpg')
    (tmp_path / 'outside.jpg').write_bytes(encoded(picture()))
    lines = [f'images/{name}.jpg: 0'.encode() for name in UNTOUCHED | REENCODED]
    expected = []
    for name, (_, problem) in BAD_FILES.items():
        lines.append(f'images/{name}.jpg: 1'.encode())
        expected.append(('train.txt', len(lines), problem))
    for line, problem in BAD_LINES.items():
        lines.append(line)
        expected.append(('train.txt', len(lines), problem))
    for label in (0, 1):
        lines.append(f'images/two labels.jpg: {label}'.encode())
        expected.append(('train.txt', len(lines), 'two labels'))
    (folder / 'train.txt').write_bytes(b'\n'.join(lines) + b'\n')
    (folder / 'val.txt').write_text('images/baseline.jpg: 0\nimages/text.jpg: 1\n')
    expected.append(('val.txt', 2, 'not an image'))
    (folder / 'labels.txt').write_text('0:wren\n1:robin\n')
    expected.append(('train.txt', 0, 'class without image'))
    return folder, sorted(expected)


def test_odd_files_and_lines_are_converted_or_reported(tmp_path, odd_folder, without_tensorflow):
    folder, expected = odd_folder
    assert len(UNTOUCHED | REENCODED | BAD_FILES | BAD_LINES) >= 25
    arguments = ('--dataset_name=odd', '--num_shards=1', f'--dataset_dir={tmp_path}')

    def reported():
        with open(folder / 'problems.csv', encoding='utf-8', newline='') as file:
            rows = list(csv.DictReader(file))
        return sorted((row['list'], int(row['line'] or 0), row['problem']) for row in rows)

    refused = run(*arguments, env=without_tensorflow)
    assert_one_line(refused, f'{len(expected)} problems', '--on_error=skip')
    assert reported() == expected
    assert not list(folder.glob('*.tfrecord'))

    converted = run(*arguments, '--on_error=skip', env=without_tensorflow)
    assert converted.returncode == 0, converted.stderr
    assert f'{len(REENCODED)} images were re-encoded' in converted.stdout
    warning = f'skipped {len(expected) - 2} train and 1 validation lines or images'
    assert warning in converted.stderr
    assert reported() == expected

    tf = import_tensorflow()
    stored, count = {}, 0
    for record in tf.data.TFRecordDataset(str(folder / 'train_00000-of-00001.tfrecord')):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        content = feature['image/encoded'].bytes_list.value[0]
        height, width = (feature[f'image/{k}'].int64_list.value[0] for k in ('height', 'width'))
        assert tf.io.decode_jpeg(content, channels=3).shape == (height, width, 3)
        assert feature['image/class/label'].int64_list.value[0] == 0
        stored[content] = (height, width)
        count += 1
    assert count == len(UNTOUCHED | REENCODED)
    assert len(stored) == count - 1  # The two images of 16 bits are the same.
    assert set(UNTOUCHED.values()) <= set(stored)
    assert stored[UNTOUCHED['rotated by EXIF']] == (30, 40)

    upright = run(*arguments, '--on_error=skip', '--apply_exif_rotation', env=without_tensorflow)
    assert f'{len(REENCODED) + 1} images were re-encoded' in upright.stdout
