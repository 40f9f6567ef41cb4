import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim import files
from slim.datasets import (
    conversion,
    dataset,
    manifest,
    planning,
    problems,
    shards,
    split_lists,
    tfrecord,
)
from slim.errors import UserError

REPOSITORY = Path(__file__).parents[3]
ORIENTATION = 0x0112  # the EXIF tag


def jpeg(seed=0, height=12, width=16, mode='RGB', **options):
    """Returns the contents of a JPEG, different for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, 'JPEG', **options)
    return file.getvalue()


def make_dataset(parent, name='birds', train=(0, 1, 2) * 4, val=(0, 1, 2, 1, 0)):
    """Writes a dataset of small JPEGs with these labels."""
    folder = parent / name
    seed = 0
    for list_name, labels in (('train.txt', train), ('val.txt', val)):
        images = []
        for label in labels:
            path = folder / 'images' / f'class: {label}' / f'{list_name} {seed}.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(seed, height=10 + seed))
            images.append((path.relative_to(folder).as_posix(), label))
            seed += 1
        split_lists.write_list(str(folder / list_name), images)
    return folder


def convert(folder, num_shards=3, **options):
    """Converts without a progress bar."""
    options = {'num_workers': 1, 'progress': False, **options}
    return conversion.convert(str(folder.parent), folder.name, num_shards=num_shards, **options)


def examples(folder, split):
    """Returns a list of (encoded, label, height, width) for each shard of a split."""
    shards = dataset.load_dataset(str(folder.parent), folder.name, split).shards
    contents = []
    for shard in shards:
        contents.append([])
        for serialized in tf.data.TFRecordDataset(shard):
            feature = tf.train.Example.FromString(serialized.numpy()).features.feature
            numbers = ('image/class/label', 'image/height', 'image/width')
            encoded = feature['image/encoded'].bytes_list.value[0]
            contents[-1].append((encoded, *(feature[key].int64_list.value[0] for key in numbers)))
    return contents


def listed(folder, split):
    """Returns the same for the images of the list, in one list."""
    found = []
    for image in split_lists.read_list(split_lists.list_path(str(folder), split)):
        encoded = (folder / image.path).read_bytes()
        width, height = Image.open(io.BytesIO(encoded)).size
        found.append((encoded, image.label, height, width))
    return found


def shard_files(folder):
    return {path.name: path.read_bytes() for path in folder.glob('*.tfrecord')}


def output_files(folder):
    """Returns the names of all files that are not input."""
    inputs = ('train.txt', 'val.txt', 'images', files.LOCK)
    return sorted(name for name in os.listdir(folder) if name not in inputs)


def test_every_listed_image_is_stored_once_and_untouched(tmp_path):
    folder = make_dataset(tmp_path)
    convert(folder)
    train = examples(folder, 'train')
    assert [len(shard) for shard in train] == [4, 4, 4]
    assert sorted(sum(train, [])) == sorted(listed(folder, 'train'))
    validation = examples(folder, 'validation')
    assert [len(shard) for shard in validation] == [1, 2, 2]
    assert sum(validation, []) == listed(folder, 'validation')
    assert output_files(folder) == sorted(
        [tfrecord.shard_name(split, i, 3) for split in ('train', 'validation') for i in range(3)]
        + ['labels.txt', 'manifest.json']
    )


def test_the_manifest_agrees_with_the_shards(tmp_path):
    folder = make_dataset(tmp_path)
    made = convert(folder, seed=5)
    assert made == manifest.read_manifest(str(folder))
    assert (made.dataset_name, made.num_classes, made.seed) == ('birds', 3, 5)
    for split, content in made.splits.items():
        counts = [len(shard) for shard in examples(folder, split)]
        assert [shard.num_images for shard in content.shards] == counts
        assert [shard.num_bytes for shard in content.shards] == [
            (folder / shard.name).stat().st_size for shard in content.shards
        ]


def test_the_seed_decides_the_order_of_training_images(tmp_path):
    orders = []
    for number, seed in enumerate((0, 0, 1)):
        (tmp_path / str(number)).mkdir()
        folder = make_dataset(tmp_path / str(number))
        convert(folder, seed=seed)
        orders.append(shard_files(folder))
        assert sum(examples(folder, 'train'), []) != listed(folder, 'train')
    assert orders[0] == orders[1]
    train = [{n: b for n, b in order.items() if n.startswith('train')} for order in orders]
    validation = [{n: b for n, b in order.items() if n not in train[0]} for order in orders]
    assert train[0] != train[2]
    assert validation[0] == validation[2]


@pytest.mark.parametrize(
    ('total', 'count', 'sizes'),
    [(10, 3, [3, 3, 4]), (3, 3, [1, 1, 1]), (12, 10, [1, 1, 1, 1, 2, 1, 1, 1, 1, 2])],
)
def test_blocks_are_even_and_never_empty(total, count, sizes):
    blocks = [planning._block(range(total), index, count) for index in range(count)]
    assert sum((list(block) for block in blocks), []) == list(range(total))
    assert [len(block) for block in blocks] == sizes


@pytest.mark.parametrize('num_shards', [0, 6])
def test_shards_without_an_image_are_refused(tmp_path, num_shards):
    folder = make_dataset(tmp_path)  # 5 validation images
    with pytest.raises(UserError, match='5 validation images do not fill|12 train images do not'):
        convert(folder, num_shards)
    assert output_files(folder) == []


def test_kinds_of_jpeg_that_are_stored_untouched(tmp_path):
    folder = make_dataset(tmp_path)
    paths = [folder / i.path for i in split_lists.read_list(str(folder / 'val.txt'))]
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    paths[0].write_bytes(jpeg(progressive=True))
    paths[1].write_bytes(jpeg(mode='L', height=9, width=4))
    paths[2].write_bytes(jpeg(exif=exif, height=9, width=4))
    paths[3].write_bytes(jpeg() + b'something behind the end \xff\xda')
    convert(folder)
    for stored, path in zip(sum(examples(folder, 'validation'), []), paths, strict=True):
        encoded, _, height, width = stored
        assert encoded == path.read_bytes()
        assert tf.io.decode_jpeg(encoded, channels=3).shape == (height, width, 3)


def reported(folder):
    """Returns the rows of the validation report, without the details."""
    with open(folder / problems.NAME, encoding='utf-8', newline='') as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == problems.COLUMNS
    assert all(row[4] for row in rows[1:])
    return [tuple(row[:4]) for row in rows[1:]]


def spoil(folder, list_name, line, content):
    """Overwrites the image on a line of a list with `content`; returns its listed path."""
    image = split_lists.read_list(str(folder / list_name))[line - 1].path
    (folder / image).write_bytes(content)
    return image


@pytest.mark.parametrize('num_workers', [1, 2])
def test_all_bad_images_are_reported_before_anything_stops(tmp_path, num_workers):
    folder = make_dataset(tmp_path)
    truncated = spoil(folder, 'val.txt', 5, jpeg()[:-40])
    page = spoil(folder, 'train.txt', 2, b'<!DOCTYPE html><html>404</html>')
    empty = spoil(folder, 'train.txt', 7, b'')
    missing = split_lists.read_list(str(folder / 'train.txt'))[9].path
    os.remove(folder / missing)
    with pytest.raises(UserError, match='train.txt, line 2: .* is a web page') as caught:
        convert(folder, num_workers=num_workers)
    assert '4 problems in 17 lines' in str(caught.value)
    assert str(folder / 'problems.csv') in str(caught.value)
    assert '--on_error=skip' in str(caught.value)
    assert reported(folder) == [
        ('train.txt', '2', page, 'a web page'),
        ('train.txt', '7', empty, 'empty'),
        ('train.txt', '10', missing, 'missing'),
        ('val.txt', '5', truncated, 'damaged'),
    ]
    # The lists alone show that this cannot be converted.
    assert output_files(folder) == ['problems.csv']
    with pytest.raises(UserError, match='not converted yet'):
        dataset.load_dataset(str(tmp_path), 'birds', 'train')


@pytest.mark.parametrize('num_workers', [1, 2])
def test_unusable_images_are_skipped_on_request(tmp_path, capsys, num_workers):
    folder = make_dataset(tmp_path)
    spoil(folder, 'val.txt', 5, jpeg()[:-40])
    spoil(folder, 'train.txt', 2, b'')
    good = {split: listed_but(folder, split, n) for split, n in (('train', 1), ('validation', 4))}
    made = convert(folder, on_error='skip', num_workers=num_workers)
    assert sorted(sum(examples(folder, 'train'), [])) == sorted(good['train'])
    assert sum(examples(folder, 'validation'), []) == good['validation']
    assert [split.num_skipped for split in made.splits.values()] == [1, 1]
    assert [row[3] for row in reported(folder)] == ['empty', 'damaged']
    assert 'skipped 1 train and 1 validation' in capsys.readouterr().err
    # A second run has nothing to do and prints the same warning.
    assert convert(folder, on_error='skip', num_workers=num_workers) == made
    assert 'skipped 1 train and 1 validation' in capsys.readouterr().err
    # Without --on_error=skip it is refused, and the conversion stays as it was.
    with pytest.raises(UserError, match='2 problems'):
        convert(folder)
    assert convert(folder, on_error='skip') == made


def listed_but(folder, split, index):
    """Returns `listed` without the entry at `index`, whose file need not be an image."""
    path = split_lists.list_path(str(folder), split)
    images = split_lists.read_list(path)
    found = []
    for image in images[:index] + images[index + 1 :]:
        encoded = (folder / image.path).read_bytes()
        width, height = Image.open(io.BytesIO(encoded)).size
        found.append((encoded, image.label, height, width))
    return found


def test_a_damaged_image_leaves_the_other_shards_as_they_are(tmp_path, capsys):
    folder = make_dataset(tmp_path)
    bad = spoil(folder, 'val.txt', 1, b'no image')
    with pytest.raises(UserError, match='val.txt, line 1'):
        convert(folder)
    times = {path.name: path.stat().st_mtime_ns for path in folder.glob('*.tfrecord')}
    assert len(times) == 6
    # Once it is repaired, one shard is rebuilt; the others are those of the first run.
    (folder / bad).write_bytes(jpeg())
    convert(folder)
    assert '5 of 6 shards exist already' in capsys.readouterr().out
    again = {path.name: path.stat().st_mtime_ns for path in folder.glob('*.tfrecord')}
    assert [name for name in times if times[name] != again[name]] == [
        tfrecord.shard_name('validation', 0, 3)
    ]
    assert not (folder / 'problems.csv').exists()
    assert sum(examples(folder, 'validation'), []) == listed(folder, 'validation')


def test_a_missing_image_leaves_an_earlier_conversion_as_it_is(tmp_path):
    folder = make_dataset(tmp_path)
    made = convert(folder)
    before = shard_files(folder)
    os.remove(folder / split_lists.read_list(str(folder / 'train.txt'))[0].path)
    with pytest.raises(UserError, match='is missing'):
        convert(folder)
    assert shard_files(folder) == before
    assert manifest.read_manifest(str(folder)) == made


def test_a_split_without_usable_images_is_refused(tmp_path):
    folder = make_dataset(tmp_path)
    for line in range(1, 6):
        spoil(folder, 'val.txt', line, b'no image')
    with pytest.raises(UserError, match='no validation image can be used'):
        convert(folder, on_error='skip')
    assert not (folder / 'manifest.json').exists()


def test_all_listings_of_a_file_with_two_labels_are_skipped(tmp_path):
    folder = make_dataset(tmp_path)
    images = split_lists.read_list(str(folder / 'val.txt'))
    first = images[0].path
    others = [('./' + first, 1), (first, 0), (first.replace('/', '//', 1), 0)]
    split_lists.write_list(str(folder / 'val.txt'), [*images, *others])
    with pytest.raises(UserError, match='is listed with labels 0 and 1'):
        convert(folder)
    assert [row[1:] for row in reported(folder)] == [
        ('1', first, 'two labels'),
        ('6', './' + first, 'two labels'),
        ('7', first, 'two labels'),
        ('8', first.replace('/', '//', 1), 'two labels'),
    ]
    convert(folder, on_error='skip')
    assert sum(examples(folder, 'validation'), []) == listed(folder, 'validation')[1:5]


def test_a_file_that_is_listed_twice_is_stored_twice_as_by_the_original_code(tmp_path):
    folder = make_dataset(tmp_path)
    images = split_lists.read_list(str(folder / 'val.txt'))
    split_lists.write_list(str(folder / 'val.txt'), [*images, images[0]])
    convert(folder)
    assert sum(examples(folder, 'validation'), []) == listed(folder, 'validation')


def test_labels_with_gaps_are_refused(tmp_path):
    folder = make_dataset(tmp_path, train=(0, 2, 5, 0), val=(3, 5, 0))
    with pytest.raises(UserError, match='class 1 is without a training image') as caught:
        convert(folder)
    assert 'from 0 to 5 without gaps' in str(caught.value)
    assert '3 class without image' in str(caught.value)
    assert [row[3] for row in reported(folder)] == ['class without image'] * 3
    assert output_files(folder) == ['problems.csv']


def test_an_impossible_label_does_not_make_classes_without_images(tmp_path):
    folder = make_dataset(tmp_path, train=(0, 123456789, 0), val=(0, 0, 0))
    with pytest.raises(UserError, match='has label 123456789, but 6 images have at most 6 classes'):
        convert(folder)
    assert [row[3] for row in reported(folder)] == ['label out of range']
    convert(folder, num_shards=1, on_error='skip')
    assert dataset.load_dataset(str(tmp_path), 'birds', 'train').num_classes == 1


def test_a_class_of_labels_txt_without_images_is_refused(tmp_path):
    folder = make_dataset(tmp_path)
    split_lists.write_labels(str(folder), ['a', 'b', 'c', 'd'])
    with pytest.raises(UserError, match=r'class 3 \(d\) is without a training image'):
        convert(folder)


def test_a_class_without_images_is_refused_after_a_conversion_that_skipped_it(tmp_path, capsys):
    folder = make_dataset(tmp_path)
    split_lists.write_labels(str(folder), ['a', 'b', 'c', 'd'])
    made = convert(folder, on_error='skip')
    assert 'warning: 1 class without image; see' in capsys.readouterr().err
    assert convert(folder, on_error='skip') == made
    with pytest.raises(UserError, match='is without a training image'):
        convert(folder)
    assert manifest.read_manifest(str(folder)) == made


def test_a_class_without_usable_images_is_reported(tmp_path):
    folder = make_dataset(tmp_path, train=(0, 0, 1, 0), val=(0, 1, 0))
    spoil(folder, 'train.txt', 3, b'no image')
    with pytest.raises(UserError, match='2 problems'):
        convert(folder, num_shards=1)
    assert {row[3] for row in reported(folder)} == {'class without image', 'not an image'}


def test_the_report_names_a_limited_number_of_absent_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(planning, 'REPORTED_CLASSES', 2)
    folder = make_dataset(tmp_path, train=(0, 9) * 5, val=(0, 0, 0))
    with pytest.raises(UserError):
        convert(folder)
    assert len(reported(folder)) == 3
    assert 'and 6 more are' in (folder / 'problems.csv').read_text()


def test_labels_txt_limits_the_labels_and_is_kept(tmp_path):
    folder = make_dataset(tmp_path)
    split_lists.write_labels(str(folder), ['a', 'b'])
    with pytest.raises(UserError, match='train.txt, line 3: label 2 is out of range'):
        convert(folder)
    split_lists.write_labels(str(folder), ['a', 'b', 'c'])
    convert(folder)
    assert split_lists.read_labels(str(folder)) == ['a', 'b', 'c']


def test_a_missing_labels_txt_gets_the_names_of_folders(tmp_path):
    folder = make_dataset(tmp_path)
    convert(folder)
    assert split_lists.read_labels(str(folder)) == ['class: 0', 'class: 1', 'class: 2']
    os.remove(folder / 'labels.txt')
    convert(folder)
    assert split_lists.read_labels(str(folder)) == ['class: 0', 'class: 1', 'class: 2']


@pytest.mark.parametrize(
    ('paths', 'names'),
    [
        (['train/a/1.jpg', 'train/b/1.jpg', 'val/b/1.jpg'], ['a', 'b']),
        (['a/1.jpg', 'b/1.jpg', 'c/1.jpg'], ['0', '1']),  # class 1 has two folders
        (['a/1.jpg', 'a/2.jpg', 'a/3.jpg'], ['0', '1']),  # one folder for both
        (['1.jpg', 'b/2.jpg', 'b/3.jpg'], ['0', '1']),  # no folder for class 0
    ],
)
def test_names_of_classes(paths, names):
    images = [split_lists.ListedImage(*pair) for pair in zip(paths, (0, 1, 1), strict=True)]
    assert planning.names_of_classes(images) == names


def test_a_second_run_does_nothing(tmp_path, capsys):
    folder = make_dataset(tmp_path)
    first = convert(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    capsys.readouterr()
    assert convert(folder) == first
    assert 'already converted' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times


def other_lists(folder):
    images = split_lists.read_list(str(folder / 'val.txt'))
    split_lists.write_list(str(folder / 'val.txt'), images[::-1])


def other_image(folder):
    path = folder / split_lists.read_list(str(folder / 'train.txt'))[0].path
    path.write_bytes(jpeg(seed=99, height=40))


def truncated_shard(folder):
    os.truncate(folder / tfrecord.shard_name('train', 1, 3), 50)


def missing_shard(folder):
    os.remove(folder / tfrecord.shard_name('validation', 2, 3))


def spoilt_manifest(folder):
    (folder / 'manifest.json').write_text('{')


def other_image_of_the_same_size(folder):
    path = folder / split_lists.read_list(str(folder / 'val.txt'))[0].path
    content = path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize(
    'change',
    [
        other_lists,
        other_image,
        other_image_of_the_same_size,
        truncated_shard,
        missing_shard,
        spoilt_manifest,
    ],
)
def test_changes_are_converted_again(tmp_path, capsys, change):
    folder = make_dataset(tmp_path)
    convert(folder)
    change(folder)
    convert(folder)
    assert 'already converted' not in capsys.readouterr().out
    assert sum(examples(folder, 'validation'), []) == listed(folder, 'validation')
    assert sorted(sum(examples(folder, 'train'), [])) == sorted(listed(folder, 'train'))


def test_another_seed_is_converted_again(tmp_path):
    folder = make_dataset(tmp_path)
    convert(folder, seed=0)
    before = shard_files(folder)
    convert(folder, seed=1)
    assert shard_files(folder) != before


def test_shards_of_another_count_are_removed(tmp_path):
    folder = make_dataset(tmp_path)
    convert(folder, num_shards=5)
    (folder / 'mine.tfrecord').touch()
    convert(folder, num_shards=2)
    names = [tfrecord.shard_name(split, i, 2) for split in ('train', 'validation') for i in (0, 1)]
    assert sorted(shard_files(folder)) == sorted([*names, 'mine.tfrecord'])


def test_a_failed_conversion_is_not_mistaken_for_the_earlier_one(tmp_path):
    folder = make_dataset(tmp_path)
    convert(folder)
    bad = folder / split_lists.read_list(str(folder / 'val.txt'))[0].path
    bad.write_bytes(b'no image')
    with pytest.raises(UserError, match='is not an image in a supported format'):
        convert(folder)
    with pytest.raises(UserError, match='not converted yet'):
        dataset.load_dataset(str(tmp_path), 'birds', 'train')


def test_remains_of_a_killed_run_are_removed(tmp_path):
    folder = make_dataset(tmp_path)
    left = folder / (tfrecord.shard_name('train', 3, 7) + files.UNFINISHED)
    left.write_bytes(b'half a shard')
    (folder / tfrecord.shard_name('train', 2, 7)).write_bytes(b'a shard')
    convert(folder)
    assert not left.exists()
    assert len(shard_files(folder)) == 6


def test_the_lock_file_of_an_earlier_version_is_ignored(tmp_path):
    folder = make_dataset(tmp_path)
    (folder / '.conversion.lock').touch()
    convert(folder)
    assert len(shard_files(folder)) == 6


def test_the_digest_of_sources_is_that_of_earlier_versions():
    images = [split_lists.ListedImage('a/é.jpg', 3), split_lists.ListedImage('b c.png', 0)]
    statuses = [(10, 123456789), (2**40, -1)]
    digests = [shards.source_sha256(images, statuses, rotate) for rotate in (False, True)]
    # Otherwise every dataset that was ever converted would be converted again.
    assert digests == [
        '4ca326c8e4f935d8c74798f03a8650e2755b9c34f3025e35cae9adde922764b3',
        '6896bbff9edd7eea8c5d8ca9b0f2048e20b12058c92361137aecdc7be280e369',
    ]


def test_counts_that_differ_from_the_catalogue_get_warnings(tmp_path, capsys):
    convert(make_dataset(tmp_path, name='cub_200'))
    out, err = capsys.readouterr()
    assert '12 train and 5 validation images of 3 classes' in out.splitlines()[-1]
    warnings = err.splitlines()
    assert len(warnings) == 3
    assert '3 classes' in warnings[0] and '200' in warnings[0]
    assert '12 train' in warnings[1] and '5994' in warnings[1]
    assert '5 validation' in warnings[2] and '5794' in warnings[2]


def make_large_dataset(parent, images=1200):
    """Writes a dataset that takes a while to convert: ten images under many names."""
    folder = parent / 'birds'
    folder.mkdir(parents=True)
    for number in range(10):
        (folder / f'{number}.jpg').write_bytes(jpeg(number, 300, 375 - number))
    names = []
    for number in range(images):
        names.append((f'{number:04d}.jpg', number % 10))
        os.link(folder / f'{number % 10}.jpg', folder / names[-1][0])
    split_lists.write_list(str(folder / 'train.txt'), names)
    split_lists.write_list(str(folder / 'val.txt'), names[:100])
    return folder


def start_command(folder, *arguments):
    script = [sys.executable, str(REPOSITORY / 'convert_dataset.py'), '--dataset_name=birds']
    return [*script, '--num_shards=60', f'--dataset_dir={folder.parent}', *arguments]


def start(folder, *arguments):
    """Starts a conversion to 60 shards in another process."""
    return subprocess.Popen(
        start_command(folder, *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    """A folder with a large dataset, converted to 60 shards, and the seconds this took."""
    folder = make_large_dataset(tmp_path_factory.mktemp('undisturbed'))
    began = time.monotonic()
    process = start(folder, '--num_workers=2')
    assert process.wait(timeout=120) == 0, process.stderr.read()
    return folder, time.monotonic() - began


def conversion_files(folder):
    """Returns the contents of all shards, the manifest and the labels."""
    others = {name: (folder / name).read_bytes() for name in ('manifest.json', 'labels.txt')}
    return shard_files(folder) | others


def test_the_shards_are_the_same_whatever_the_number_of_workers(undisturbed, tmp_path):
    folder, _ = undisturbed
    alone = copied(folder, tmp_path)
    convert(alone, num_shards=60, num_workers=1)
    assert conversion_files(alone) == conversion_files(folder)
    three = copied(folder, tmp_path / 'three')
    assert start(three, '--num_workers=3').wait(timeout=120) == 0
    assert conversion_files(three) == conversion_files(folder)


def copied(folder, parent):
    """Links the lists and images of a dataset into another folder; times of files are kept."""
    other = parent / folder.name
    made = [*shard_files(folder), 'manifest.json', 'labels.txt']
    shutil.copytree(folder, other, ignore=lambda *_: made, copy_function=os.link)
    return other


def test_a_conversion_killed_at_ten_random_moments_resumes_to_the_same_result(
    undisturbed, tmp_path
):
    undisturbed_folder, seconds = undisturbed
    expected = conversion_files(undisturbed_folder)
    folder = copied(undisturbed_folder, tmp_path)
    convert(folder, num_shards=2)  # leaves a manifest that must be removed
    moments = np.random.default_rng().uniform(0.05, seconds, 10)
    killed = 0
    for moment in moments:
        process = start(folder, '--num_workers=2')
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        status = process.wait(timeout=30)
        assert status in (0, -signal.SIGKILL), (moments, process.stderr.read())
        if status != 0 and (folder / 'manifest.json').exists():
            # Killed before the first shard or after the last.
            made = manifest.read_manifest(str(folder))
            assert len(made.splits['train'].shards) in (2, 60)
        left = {name: shard for name, shard in shard_files(folder).items() if '-of-00060' in name}
        assert left.items() <= expected.items(), moments
        if status == 0:  # It had finished: start again.
            shutil.rmtree(folder)
            folder = copied(undisturbed_folder, tmp_path)
    assert killed, moments
    convert(folder, num_shards=60)
    assert conversion_files(folder) == expected, moments
    assert not list(folder.glob(f'*{files.UNFINISHED}'))
    assert dataset.load_dataset(str(folder.parent), 'birds', 'train').num_images == 1200


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_complete_shards_and_nothing_unfinished(undisturbed, tmp_path, number):
    folder = copied(undisturbed[0], tmp_path)
    expected = shard_files(undisturbed[0])
    process = start(folder, '--num_workers=2')
    third = folder / tfrecord.shard_name('train', 3, 60)
    deadline = time.monotonic() + 60
    while not third.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(number)
    assert process.wait(timeout=30) == 128 + number
    assert process.stderr.read() == 'convert_dataset.py: interrupted\n'
    left = shard_files(folder)
    assert 2 < len(left) < len(expected)
    assert left.items() <= expected.items()
    assert [path.name for path in folder.glob(f'*{files.UNFINISHED}')] == [shards.JOURNAL]


def test_two_conversions_of_one_dataset_at_once_are_refused(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(files, 'LOCK_PATIENCE_SECONDS', 0.1)
    folder = copied(undisturbed[0], tmp_path)
    process = start(folder, '--num_workers=1')
    first = folder / tfrecord.shard_name('train', 0, 60)
    while not first.exists() and process.poll() is None:
        time.sleep(0.001)
    with pytest.raises(UserError, match='another process is writing to'):
        convert(folder, num_shards=60)
    assert process.wait(timeout=60) == 0
    assert conversion_files(folder) == conversion_files(undisturbed[0])


def test_a_full_disk_leaves_complete_shards_and_the_next_run_resumes(undisturbed, tmp_path):
    folder = copied(undisturbed[0], tmp_path)
    # A limit to the size of files simulates a full disk: the largest shard does not fit.
    sizes = sorted({path.stat().st_size for path in undisturbed[0].glob('*.tfrecord')})
    program = (
        'import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); '
        f'resource.setrlimit(resource.RLIMIT_FSIZE, ({sizes[-1] - 1},) * 2); '
        'del sys.argv[0]; runpy.run_path(sys.argv[0], run_name="__main__")'
    )
    command = [sys.executable, '-c', program, *start_command(folder, '--num_workers=2')[1:]]
    environment = {**os.environ, 'PYTHONPATH': str(REPOSITORY)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 1, result.stderr
    assert 'File too large' in result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    expected = shard_files(undisturbed[0])
    assert shard_files(folder).items() <= expected.items()
    assert not (folder / 'manifest.json').exists()
    convert(folder, num_shards=60)
    assert conversion_files(folder) == conversion_files(undisturbed[0])
