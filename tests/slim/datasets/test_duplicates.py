import functools
import io
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from slim.configs import PreparationConfig
from slim.datasets import duplicates
from slim.datasets.duplicates import Duplicate
from slim.errors import UserError
from tests import archives


def encode(image, kind='JPEG', **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@functools.cache
def photographs():
    """Returns different photographs by name."""
    return {
        name: Image.fromarray(getattr(skimage.data, name)()).resize((400, 300))
        for name in ('astronaut', 'chelsea', 'coffee', 'hubble_deep_field', 'rocket')
    }


@functools.cache
def copies(name):
    """Returns copies of a photograph in other bytes, by the kind of change."""
    image = photographs()[name]
    return {
        'compressed': encode(image, quality=40),
        'small': encode(image.resize((150, 112)), quality=80),
        'square': encode(image.resize((256, 256)), quality=80),
        'gray': encode(image.convert('L'), quality=80),
        'brighter': encode(image.point(lambda value: min(255, int(value * 1.15 + 5)))),
        'png': encode(image, 'PNG'),
        'palette': encode(image.quantize(128), 'PNG'),
    }


def bits_between(first, second):
    return (first ^ second).bit_count()


def test_copies_are_near_and_different_photographs_are_far():
    hashes = {}
    for name, image in photographs().items():
        hashes[name] = duplicates.perceptual_hash(encode(image, quality=92))
        for change, encoded in copies(name).items():
            distance = bits_between(hashes[name], duplicates.perceptual_hash(encoded))
            assert distance <= PreparationConfig.max_distance, (name, change)
    values = list(hashes.values())
    apart = [bits_between(a, b) for n, a in enumerate(values) for b in values[:n]]
    assert min(apart) > 2 * PreparationConfig.max_distance


def test_an_image_without_contrast_has_no_hash():
    assert duplicates.perceptual_hash(encode(Image.new('RGB', (50, 50), 'white'))) is None
    assert duplicates.perceptual_hash(encode(Image.new('L', (9, 9)), 'PNG')) is None


@pytest.mark.parametrize('shape', [(1, 1), (40, 300), (33, duplicates.COLUMNS + 5), (0, 4), (4, 0)])
def test_close_pairs_agree_with_comparing_one_by_one(shape):
    random = np.random.default_rng(0)
    first, second = (random.integers(0, 2**64, count, np.uint64) for count in shape)
    for row, column, bits in [(0, 0, 0), (-1, -1, 3), (-1, 1, 6), (0, 2, 7)]:
        if min(shape) > 2:
            # Flips this number of bits.
            second[column] = first[row] ^ np.uint64((1 << bits) - 1 << 20)
    row, column, distance = duplicates.close_pairs(first, second, 6)
    expected = [
        (r, c, bits_between(int(a), int(second[c])))
        for r, a in enumerate(first)
        for c in (range(len(second)) if len(second) < 1000 else (0, 1, 2, len(second) - 1))
    ]
    expected = [found for found in expected if found[2] <= 6]
    assert len(expected) == (3 if min(shape) > 2 else 0)
    found = zip(row.tolist(), column.tolist(), distance.tolist(), strict=True)
    assert sorted(found) == expected


@pytest.fixture
def data(tmp_path):
    """Writes the datasets `mine` and `other` with some of the photographs and copies."""
    originals = {name: encode(image, quality=92) for name, image in photographs().items()}
    changed = {name: copies(name) for name in photographs()}
    files = {
        'mine': {
            'train': {'a: é.jpg': originals['astronaut'], 'c.jpg': originals['coffee']},
            'val': {
                'a2.jpg': originals['astronaut'],
                'c2.png': changed['coffee']['palette'],
                'r.jpg': originals['rocket'],
                'white.jpg': encode(Image.new('RGB', (9, 9), 'white')),
            },
        },
        'other': {
            'train': {'x/c3.jpg': changed['coffee']['small'], 'h.jpg': originals['chelsea']},
            'val': {'r.jpg': originals['rocket'], 'white.png': encode(Image.new('L', (9, 9), 255))},
        },
    }
    for name, lists in files.items():
        for split, images in lists.items():
            archives.write(tmp_path / name / f'{split}.txt', *(f'{path}: 0' for path in images))
            for path, encoded in images.items():
                (tmp_path / name / path).parent.mkdir(exist_ok=True)
                (tmp_path / name / path).write_bytes(encoded)
    return tmp_path


def pairs(report):
    return {
        (pair.kind, pair.split, pair.path, pair.other_dataset, pair.other_split, pair.other_path)
        for pair in report.duplicates
    }


WITHIN = {
    ('identical', 'validation', 'a2.jpg', 'mine', 'train', 'a: é.jpg'),
    ('near', 'validation', 'c2.png', 'mine', 'train', 'c.jpg'),
}
AGAINST = WITHIN | {
    ('near', 'train', 'c.jpg', 'other', 'train', 'x/c3.jpg'),
    ('near', 'validation', 'c2.png', 'other', 'train', 'x/c3.jpg'),
    ('identical', 'validation', 'r.jpg', 'other', 'validation', 'r.jpg'),
}


def test_finds_images_that_are_in_both_lists(data):
    report = duplicates.find_duplicates(str(data), 'mine', num_workers=1)
    assert pairs(report) == WITHIN
    assert (report.num_images, report.flat, report.unreadable) == (6, 1, ())
    assert [pair.distance for pair in report.duplicates if pair.kind == 'identical'] == [0]
    lines = duplicates.summary(report, 'mine')
    assert lines == [
        'mine: compared 6 images, 1 of them only by their bytes, as they have no contrast',
        'mine: 2 validation images are also in the train list of mine: 1 with identical bytes, '
        '1 near-identical',
    ]


def test_finds_images_of_another_dataset_with_any_number_of_workers(data):
    one, two = (
        duplicates.find_duplicates(str(data), 'mine', 'other', num_workers=number)
        for number in (1, 2)
    )
    assert pairs(one) == AGAINST
    assert one == two
    assert duplicates.problems(one) == []


def test_the_largest_distance_of_near_images(data):
    report = duplicates.find_duplicates(str(data), 'mine', max_distance=0, num_workers=1)
    assert {pair.distance for pair in report.duplicates} == {0}
    report = duplicates.find_duplicates(str(data), 'mine', max_distance=64, num_workers=1)
    # All images with a hash; the white one has none.
    assert len(report.duplicates) == 2 * 3


def test_identical_images_without_contrast_are_found(data):
    white = (data / 'mine/white.jpg').read_bytes()
    (data / 'mine/c.jpg').write_bytes(white)
    report = duplicates.find_duplicates(str(data), 'mine', num_workers=1)
    assert ('identical', 'validation', 'white.jpg', 'mine', 'train', 'c.jpg') in pairs(report)


def test_unreadable_images_are_counted_and_named(data):
    whole = (data / 'mine/r.jpg').read_bytes()
    bad = {
        'mine/r.jpg': whole[: len(whole) // 2],
        'mine/c2.png': b'',
        'other/h.jpg': b'<html>' * 50,
    }
    for path, content in bad.items():
        (data / path).write_bytes(content)
    (data / 'other/r.jpg').unlink()
    report = duplicates.find_duplicates(str(data), 'mine', 'other', num_workers=2)
    reasons = {os.path.relpath(path, data): reason for path, reason in report.unreadable}
    assert set(reasons) == {*bad, 'other/r.jpg'}
    assert 'truncated' in reasons['mine/r.jpg']
    assert reasons['mine/c2.png'] == 'empty'
    assert reasons['other/h.jpg'] == 'not an image'
    assert reasons['other/r.jpg'] == 'No such file or directory'
    assert ('identical', 'validation', 'a2.jpg', 'mine', 'train', 'a: é.jpg') in pairs(report)
    first, *rest = duplicates.problems(report, shown=2)
    assert first == '4 of the 10 images could not be read'
    assert len(rest) == 3 and rest[-1].startswith('... and 2 more')


def test_pairs_are_written_as_csv(tmp_path):
    path = tmp_path / 'duplicates.csv'
    duplicates.write_csv(
        str(path),
        [Duplicate('near', 4, 'train', 'a, "b".jpg', 'other', 'validation', 'é.jpg')],
    )
    assert path.read_text('utf-8') == (
        'kind,distance,list,path,other dataset,other list,other path\n'
        'near,4,train,"a, ""b"".jpg",other,validation,é.jpg\n'
    )
    assert os.listdir(tmp_path) == ['duplicates.csv']


def test_a_dataset_is_not_compared_with_itself_twice(data):
    with pytest.raises(UserError, match='compared with itself anyway'):
        duplicates.find_duplicates(str(data), 'mine', 'mine')
    with pytest.raises(UserError, match='unknown dataset absent'):
        duplicates.find_duplicates(str(data), 'mine', 'absent')


def children(pid):
    """Returns the processes whose parent is `pid`."""
    found = []
    for status in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = status.read_text().rpartition(')')[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != 'Z':
            found.append(int(status.parent.name))
    return found


def test_workers_end_when_the_process_that_started_them_is_killed(data, start_script):
    # Many links to one image, so that the run takes a while.
    names = [f'{number}.png' for number in range(4000)]
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    Image.fromarray(noise).save(data / 'mine/noise.png')
    for name in names:
        (data / 'mine' / name).symlink_to('noise.png')
    archives.write(data / 'mine/train.txt', *(f'{name}: 0' for name in names))
    script = start_script(
        'prepare_dataset.py',
        '--dataset_name=mine',
        f'--dataset_dir={data}',
        '--find_duplicates',
        '--num_workers=2',
    )
    pid = script.process.pid
    script.wait_until(lambda: len(children(pid)) >= 3)  # two workers and their resource tracker
    workers = children(pid)
    script.end(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(Path(f'/proc/{worker}').exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (data / 'mine/duplicates.csv').exists()
