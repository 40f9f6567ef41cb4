import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim.datasets import conversion, dataset, manifest, split_lists, tfrecord, whole_files
from slim.errors import UserError

REPOSITORY = Path(__file__).parents[3]
ORIENTATION = 0x0112  # the EXIF tag


def jpeg(seed=0, height=12, width=16, mode='RGB', **options):
    """The bytes of a JPEG; different for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, 'JPEG', **options)
    return file.getvalue()


def make_dataset(parent, name='birds', train=(0, 1, 2) * 4, val=(0, 1, 2, 1, 0)):
    """A dataset of small JPEGs with these labels."""
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


def convert(folder, num_shards=3, seed=0):
    return conversion.convert(str(folder.parent), folder.name, num_shards, seed)


def examples(folder, split):
    """What each shard of a split holds: lists of (encoded, label, height, width)."""
    shards = dataset.load_dataset(str(folder.parent), folder.name, split).shards
    found = []
    for shard in shards:
        found.append([])
        for serialized in tf.data.TFRecordDataset(shard):
            feature = tf.train.Example.FromString(serialized.numpy()).features.feature
            numbers = ('image/class/label', 'image/height', 'image/width')
            encoded = feature['image/encoded'].bytes_list.value[0]
            found[-1].append((encoded, *(feature[key].int64_list.value[0] for key in numbers)))
    return found


def listed(folder, split):
    """The same from the list, in its order."""
    found = []
    for image in split_lists.read_list(split_lists.list_path(str(folder), split)):
        encoded = (folder / image.path).read_bytes()
        width, height = Image.open(io.BytesIO(encoded)).size
        found.append((encoded, image.label, height, width))
    return found


def shard_files(folder):
    return {path.name: path.read_bytes() for path in folder.glob('*.tfrecord')}


def made_files(folder):
    """The names of all files that are not input."""
    inputs = ('train.txt', 'val.txt', 'images')
    return sorted(name for name in os.listdir(folder) if name not in inputs)


def test_every_listed_image_arrives_once_and_untouched(tmp_path):
    folder = make_dataset(tmp_path)
    convert(folder)
    train = examples(folder, 'train')
    assert [len(shard) for shard in train] == [4, 4, 4]
    assert sorted(sum(train, [])) == sorted(listed(folder, 'train'))
    validation = examples(folder, 'validation')
    assert [len(shard) for shard in validation] == [1, 2, 2]
    assert sum(validation, []) == listed(folder, 'validation')
    assert made_files(folder) == sorted(
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
    blocks = [conversion._block(range(total), index, count) for index in range(count)]
    assert sum((list(block) for block in blocks), []) == list(range(total))
    assert [len(block) for block in blocks] == sizes


@pytest.mark.parametrize('num_shards', [0, 6])
def test_shards_without_an_image_are_refused(tmp_path, num_shards):
    folder = make_dataset(tmp_path)  # 5 validation images
    with pytest.raises(UserError, match='5 validation images do not fill|12 train images do not'):
        convert(folder, num_shards)
    assert made_files(folder) == []


def test_kinds_of_jpeg_that_are_stored(tmp_path):
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


def encode(kind, mode='RGB'):
    file = io.BytesIO()
    Image.new(mode, (16, 12)).save(file, kind)
    return file.getvalue()


BAD_IMAGES = {
    'png': (encode('PNG'), 'is a PNG image'),
    'webp': (encode('WEBP'), 'is a WEBP image'),
    'cmyk': (encode('JPEG', 'CMYK'), 'is a JPEG in CMYK colours'),
    'html': (b'<!DOCTYPE html><html><body>404</body></html>', 'is not an image'),
    'header only': (jpeg()[:20], 'is'),
    'half': (jpeg()[: len(jpeg()) // 2], 'is truncated or damaged'),
    'no end marker': (jpeg()[:-2], 'is truncated or damaged'),
    'empty': (b'', 'empty'),
}


@pytest.mark.parametrize('name', BAD_IMAGES)
def test_an_image_that_cannot_be_used_is_named_and_nothing_is_left(tmp_path, name):
    content, problem = BAD_IMAGES[name]
    folder = make_dataset(tmp_path)
    bad = folder / split_lists.read_list(str(folder / 'val.txt'))[-1].path
    bad.write_bytes(content)
    with pytest.raises(UserError) as caught:
        convert(folder)
    assert str(bad) in str(caught.value)
    assert problem in str(caught.value)
    if name != 'empty':
        assert 'expected an RGB JPEG' in str(caught.value)
    assert made_files(folder) == []


@pytest.mark.parametrize('cut', range(1, 8))
def test_what_is_accepted_decodes_in_tensorflow(tmp_path, cut):
    for options in ({}, {'mode': 'L'}, {'progressive': True}):
        encoded = jpeg(**options)[:-cut]
        try:
            shape = conversion.check_jpeg(encoded, 'a.jpg')
        except UserError:
            continue
        assert tf.io.decode_jpeg(encoded, channels=3).shape == (*shape, 3)


@pytest.mark.parametrize('options', [{}, {'comment': jpeg(1)}])  # a JPEG inside has an end too
def test_a_file_that_lacks_only_its_end_marker_is_refused(options):
    forgiven = 0
    for seed in range(20):
        encoded = jpeg(seed, 40, 60, quality=90, **options)
        assert conversion.check_jpeg(encoded, 'a.jpg') == (40, 60)
        with pytest.raises(UserError, match='a.jpg is truncated or damaged') as caught:
            conversion.check_jpeg(encoded[:-2], 'a.jpg')
        forgiven += 'end is missing' in str(caught.value)
    assert forgiven  # by Pillow alone: otherwise this shows nothing


def test_an_enormous_image_is_refused(monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 50)
    with pytest.raises(UserError, match='a.jpg is too large'):
        conversion.check_jpeg(jpeg(), 'a.jpg')


def test_missing_images_are_counted_before_anything_is_written(tmp_path):
    folder = make_dataset(tmp_path)
    missing = [folder / i.path for i in split_lists.read_list(str(folder / 'val.txt'))][1:3]
    missing[0].unlink()
    missing[1].unlink()
    missing[1].mkdir()
    with pytest.raises(UserError, match='2 of the 5 images in .*val.txt are missing') as caught:
        convert(folder)
    assert str(missing[0]) in str(caught.value)
    assert made_files(folder) == []


def test_labels_with_gaps_are_refused(tmp_path):
    folder = make_dataset(tmp_path, train=(0, 2, 5, 0), val=(3, 5, 0))
    with pytest.raises(UserError, match='no image of 3 of the 6 classes: 1, 3, 4; ') as caught:
        convert(folder)
    assert 'train.txt' in str(caught.value)
    assert 'from 0 to 5' in str(caught.value)
    assert made_files(folder) == []


def test_many_absent_classes_are_not_all_listed(tmp_path):
    folder = make_dataset(tmp_path, train=(0, 123456789, 0), val=(0, 0, 0))
    with pytest.raises(UserError, match=r'123456788 of the 123456790 classes: 1, .*10, \.\.\.; '):
        convert(folder)


def test_a_class_of_labels_txt_without_images_is_refused(tmp_path):
    folder = make_dataset(tmp_path)
    split_lists.write_labels(str(folder), ['a', 'b', 'c', 'd'])
    with pytest.raises(UserError, match='no image of 1 of the 4 classes: 3; '):
        convert(folder)


def test_labels_txt_bounds_the_labels_and_stays(tmp_path):
    folder = make_dataset(tmp_path)
    split_lists.write_labels(str(folder), ['a', 'b'])
    with pytest.raises(UserError, match='train.txt, line 3: label 2 is out of range'):
        convert(folder)
    split_lists.write_labels(str(folder), ['a', 'b', 'c'])
    convert(folder)
    assert split_lists.read_labels(str(folder)) == ['a', 'b', 'c']


def test_a_missing_labels_txt_is_made_of_folder_names(tmp_path):
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
        (['1.jpg', 'b/2.jpg', 'b/3.jpg'], ['0', '1']),  # none for class 0
    ],
)
def test_names_of_classes(paths, names):
    images = map(split_lists.ListedImage, paths, (0, 1, 1))
    assert conversion.class_names(images, 2) == names


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


@pytest.mark.parametrize(
    'change', [other_lists, other_image, truncated_shard, missing_shard, spoilt_manifest]
)
def test_what_changed_is_converted_anew(tmp_path, capsys, change):
    folder = make_dataset(tmp_path)
    convert(folder)
    change(folder)
    convert(folder)
    assert 'already' not in capsys.readouterr().out
    assert sum(examples(folder, 'validation'), []) == listed(folder, 'validation')
    assert sorted(sum(examples(folder, 'train'), [])) == sorted(listed(folder, 'train'))


def test_another_seed_is_converted_anew(tmp_path):
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


def test_a_failed_conversion_is_not_taken_for_the_earlier_one(tmp_path):
    folder = make_dataset(tmp_path)
    convert(folder)
    bad = folder / split_lists.read_list(str(folder / 'val.txt'))[0].path
    bad.write_bytes(b'no image')
    with pytest.raises(UserError, match='is not an image'):
        convert(folder)
    with pytest.raises(UserError, match='not converted yet'):
        dataset.load_dataset(str(tmp_path), 'birds', 'train')


def test_what_a_killed_run_left_is_removed(tmp_path):
    folder = make_dataset(tmp_path)
    left = folder / (tfrecord.shard_name('train', 3, 7) + whole_files.UNFINISHED)
    left.write_bytes(b'half a shard')
    (folder / tfrecord.shard_name('train', 2, 7)).write_bytes(b'a shard')
    convert(folder)
    assert not left.exists()
    assert len(shard_files(folder)) == 6


def test_a_catalogued_dataset_with_other_counts_is_warned_of(tmp_path, capsys):
    convert(make_dataset(tmp_path, name='cub_200'))
    out, err = capsys.readouterr()
    assert '12 train and 5 validation images of 3 classes' in out.splitlines()[-1]
    warnings = err.splitlines()
    assert len(warnings) == 3
    assert '3 classes' in warnings[0] and '200' in warnings[0]
    assert '12 train' in warnings[1] and '5994' in warnings[1]
    assert '5 validation' in warnings[2] and '5794' in warnings[2]


def make_large_dataset(parent, images=1200):
    """A dataset that takes a second or more to convert, of few images under many names."""
    folder = parent / 'birds'
    folder.mkdir(parents=True)
    for number in range(10):
        (folder / f'{number}.jpg').write_bytes(jpeg(number, 400, 500 - number))
    names = []
    for number in range(images):
        names.append((f'{number:04d}.jpg', number % 10))
        os.link(folder / f'{number % 10}.jpg', folder / names[-1][0])
    split_lists.write_list(str(folder / 'train.txt'), names)
    split_lists.write_list(str(folder / 'val.txt'), names[:100])
    return folder


def test_sigkill_leaves_whole_shards_only_and_the_next_run_is_as_if_nothing_happened(tmp_path):
    undisturbed = make_large_dataset(tmp_path / 'undisturbed')
    convert(undisturbed, num_shards=60)
    expected = shard_files(undisturbed)

    folder = make_large_dataset(tmp_path / 'killed')
    convert(folder, num_shards=2)  # so that there is a manifest which must go
    command = [sys.executable, str(REPOSITORY / 'convert_dataset.py'), '--dataset_name=birds']
    process = subprocess.Popen(
        [*command, '--num_shards=60', f'--dataset_dir={folder.parent}'],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    fifth = folder / tfrecord.shard_name('train', 5, 60)
    while not fifth.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=30) == -signal.SIGKILL

    assert not (folder / 'manifest.json').exists()
    left = {name: shard for name, shard in shard_files(folder).items() if '-of-00060' in name}
    assert 5 < len(left) < len(expected)
    assert left.items() <= expected.items()
    with pytest.raises(UserError, match='not converted yet'):
        dataset.load_dataset(str(folder.parent), 'birds', 'train')

    convert(folder, num_shards=60)
    assert shard_files(folder) == expected
    assert not list(folder.glob(f'*{whole_files.UNFINISHED}'))
    assert dataset.load_dataset(str(folder.parent), 'birds', 'train').num_images == 1200
