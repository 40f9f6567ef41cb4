import collections

import pytest

from slim.datasets.layouts import listing, own_images
from slim.errors import UserError
from tests import archives


def read_folders(folder, validation_share=0.2, seed=0):
    found = own_images.read_folders(str(folder), validation_share, seed)
    return found, listing.check(found)


def class_folders(folder, **counts):
    for name, count in counts.items():
        archives.touch(folder / name, *(f'{number}.jpg' for number in range(count)))


def refused(function, *arguments):
    with pytest.raises(UserError) as caught:
        function(*arguments)
    return str(caught.value)


def test_train_and_val_are_not_divided(tmp_path):
    archives.touch(tmp_path, 'train/Wren: é/1.JPG', 'train/Wren: é/2.png', 'train/10/3.webp')
    archives.touch(tmp_path, 'val/10/3.webp', 'val/9/x.jpeg', 'train/9/.DS_Store', 'train/9/y.tif')
    archives.touch(tmp_path, 'train/9/._y.jpg', 'train/9/Thumbs.db', 'notes.txt', '.git/a.jpg')
    found, warnings = read_folders(tmp_path)
    assert found.class_names == ('10', '9', 'Wren: é')
    assert found.images['train'] == (
        ('train/10/3.webp', 0),
        ('train/9/y.tif', 1),
        ('train/Wren: é/1.JPG', 2),
        ('train/Wren: é/2.png', 2),
    )
    assert found.images['validation'] == (('val/10/3.webp', 0), ('val/9/x.jpeg', 1))
    assert found.skipped == ['train/9/' + name for name in ('.DS_Store', '._y.jpg', 'Thumbs.db')]
    assert (warnings, list(found.notes)) == ([], [])


def test_class_folders_are_divided_by_class(tmp_path):
    class_folders(tmp_path, crow=20, gull=11, owl=2, wren=1)
    found, _ = read_folders(tmp_path)
    counts = {
        split: [collections.Counter(label for _, label in images)[label] for label in range(4)]
        for split, images in found.images.items()
    }
    assert counts == {'train': [16, 9, 1, 1], 'validation': [4, 2, 1, 0]}
    again, _ = read_folders(tmp_path)
    other, _ = read_folders(tmp_path, seed=1)
    half, _ = read_folders(tmp_path, validation_share=0.5)
    assert again == found != other
    assert half.num_images == {'train': 10 + 5 + 1 + 1, 'validation': 10 + 6 + 1}
    assert sorted(found.images['train'] + found.images['validation']) == sorted(
        half.images['train'] + half.images['validation']
    )


def test_the_choice_within_a_class_does_not_depend_on_other_classes(tmp_path):
    class_folders(tmp_path, crow=20, wren=20)
    before, _ = read_folders(tmp_path)
    class_folders(tmp_path, auk=20)
    after, _ = read_folders(tmp_path)
    assert {path for path, _ in before.images['validation']} < {
        path for path, _ in after.images['validation']
    }


@pytest.mark.parametrize('top', ['images', 'my_birds/images'])
def test_descends_into_the_only_folder(tmp_path, top):
    class_folders(tmp_path / top, crow=5, wren=5)
    archives.touch(tmp_path, 'train.txt', '__MACOSX/a.jpg')
    found, _ = read_folders(tmp_path)
    assert found.root == str(tmp_path / top)
    assert found.class_names == ('crow', 'wren')


def test_skipped_images_and_folders_are_reported(tmp_path):
    class_folders(tmp_path, crow=5, wren=5, **{'wren/thumbnails': 2, 'group/owl': 3})
    archives.touch(tmp_path, 'stray.jpg', 'docs/a.txt', 'crow/@eaDir/thumb.jpg')
    found, _ = read_folders(tmp_path)
    assert found.class_names == ('crow', 'wren')
    assert found.num_images == {'train': 8, 'validation': 2}
    notes = '\n'.join(found.notes)
    assert len(found.notes) == 4
    assert '1 images in' in notes and 'stray.jpg' in notes
    assert f'{tmp_path}/docs is skipped: it holds no image' in notes
    assert f'{tmp_path}/wren/thumbnails is skipped' in notes
    assert f'{tmp_path}/group/owl is skipped' in notes


def test_a_class_without_training_images_is_a_warning(tmp_path):
    archives.touch(tmp_path, 'train/crow/1.jpg', 'val/crow/2.jpg', 'val/wren/1.jpg')
    _, [warning] = read_folders(tmp_path)
    assert 'no training image' in warning and warning.endswith('wren')


def test_other_folders_are_refused(tmp_path):
    assert 'no folder with images; expected one folder per class' in refused(read_folders, tmp_path)
    class_folders(tmp_path, **{'a/train': 3, 'a/test': 3})
    assert f'{tmp_path}/a has train/ but no val/' in refused(read_folders, tmp_path)
    class_folders(tmp_path, crow=3)
    assert 'only one folder with images, crow' in refused(read_folders, tmp_path)


def test_a_train_folder_without_val_is_not_divided_silently(tmp_path):
    class_folders(tmp_path / 'train', crow=3, wren=3)
    assert f'--source_dir={tmp_path}/train' in refused(read_folders, tmp_path)
    assert read_folders(tmp_path / 'train')[0].num_images == {'train': 4, 'validation': 2}


def test_a_name_that_is_not_utf_8_is_refused(tmp_path):
    class_folders(tmp_path, crow=3, wren=3)
    (tmp_path / 'crow' / '\udcff.jpg').touch()
    assert "'crow/\\udcff.jpg' is not UTF-8" in refused(read_folders, tmp_path)
    (tmp_path / 'crow' / '\udcff.jpg').unlink()
    (tmp_path / 'crow' / 'a\nb.jpg').touch()
    assert 'line break' in refused(read_folders, tmp_path)


@pytest.fixture
def read_csv(tmp_path):
    """Returns `read_csv(*lines)`, which reads a CSV file of four images."""
    archives.touch(tmp_path, 'a, b.jpg', 'é/c.jpg', 'd', 'e.png')

    def read(*lines, validation_share=0.5, encoding='utf-8'):
        path = tmp_path / 'list.csv'
        path.write_bytes('\n'.join(lines).encode(encoding))
        found = own_images.read_csv(str(path), str(tmp_path), validation_share, 0)
        return found, listing.check(found)

    return read


@pytest.mark.parametrize('header', [[], ['path,label,split'], ['Filename, Class ,Split']])
def test_csv_with_splits(read_csv, header):
    found, warnings = read_csv(
        *header,
        '"a, b.jpg",wren,train',
        'é/c.jpg,"crow, hooded", val',
        '',
        './d,"crow, hooded",Train',
        'e.png,wren,validation',
        encoding='utf-8-sig',
    )
    assert found.class_names == ('crow, hooded', 'wren')
    assert found.images['train'] == (('a, b.jpg', 1), ('d', 0))
    assert found.images['validation'] == (('é/c.jpg', 0), ('e.png', 1))
    assert warnings == []


def test_csv_without_splits_is_divided(read_csv):
    found, _ = read_csv('"a, b.jpg",1', 'é/c.jpg,0', 'd,1', 'e.png,0')
    assert found.class_names == ('0', '1')
    for images in found.images.values():
        assert sorted(label for _, label in images) == [0, 1]


def test_the_header_of_a_csv_names_the_columns(read_csv):
    found, _ = read_csv('id,label,path', '7,x,e.png', '8,y,d', '9,x,"a, b.jpg"', '1,y,é/c.jpg')
    assert found.class_names == ('x', 'y')
    assert {path: label for images in found.images.values() for path, label in images} == {
        'e.png': 0,
        'd': 1,
        'a, b.jpg': 0,
        'é/c.jpg': 1,
    }


def test_class_numbers_are_sorted_as_numbers_and_gaps_are_closed(read_csv):
    lines = ('"a, b.jpg",10,train', 'é/c.jpg,9,val', 'd,9,train', 'e.png,10,val')
    found, _ = read_csv(*lines)
    assert found.class_names == ('9', '10')
    assert found.images['train'] == (('a, b.jpg', 1), ('d', 0))
    assert 'run from 9 to 10: the labels are their ranks, 0 to 1' in found.notes[0]


@pytest.mark.parametrize(
    ('lines', 'problem'),
    [
        ([], 'has no images; expected path,label'),
        (['path,label'], 'has no images'),
        (['d;x', 'e.png;y'], 'line 1: there are 1 columns; expected path,label'),
        (['d,x', 'e.png,y,train'], 'line 2: there are 3 columns, not 2'),
        (['d,x', 'e.png,'], 'line 2: path or label is empty'),
        (['d,x,train', 'e.png,y,test'], "line 2: split 'test'; expected train or val"),
        (['d,x,train', 'e.png,y,'], "line 2: split ''; expected train or val"),
        (['d,x', '../e.png,y'], 'line 2: ../e.png is not below'),
        (['d,x', '/e.png,y'], 'line 2: /e.png is not below'),
        (['d,x', 'e.png,y', './d,y'], 'line 3: ./d was already listed'),
        (['name,kind', 'd,x', 'e.png,y'], "line 1: 'name' is neither an image below"),
        (['d,x', 'e.png,x'], 'only one class, x'),
        (['d,x', '"e.png,y'], 'list.csv, line 2: unexpected end of data'),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused(read_csv, lines, problem):
    assert problem in refused(read_csv, *lines)


def test_a_csv_in_another_encoding_is_refused(read_csv, tmp_path):
    with pytest.raises(UserError, match='is not UTF-8 text'):
        read_csv('é/c.jpg,x', 'd,y', encoding='latin-1')
