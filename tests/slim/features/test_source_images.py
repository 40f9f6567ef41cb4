"""Source images of features: those of the list, or none."""

from slim.datasets import split_lists
from slim.features import source_images


def write_dataset(folder):
    """A dataset of three images in two classes; the contents of the files do not matter."""
    (folder / 'birds' / 'images').mkdir(parents=True)
    images = [(f'images/{n}: a.jpg', label) for n, label in enumerate([1, 0, 1])]
    for path, _ in images:
        (folder / 'birds' / path).touch()
    split_lists.write_list(str(folder / 'birds' / 'val.txt'), images)
    split_lists.write_labels(str(folder / 'birds'), ['Crow', 'Wren'])
    return [str(folder / 'birds' / path) for path, _ in images]


def test_images_are_those_of_the_list_in_order(tmp_path):
    paths = write_dataset(tmp_path)
    labels = [1.0, 0.0, 1.0]
    assert source_images.image_paths(str(tmp_path), 'birds', 'val', labels) == paths


def test_no_images_if_the_list_has_other_labels_or_a_file_is_missing(tmp_path):
    paths = write_dataset(tmp_path)
    assert source_images.image_paths(str(tmp_path), 'birds', 'val', [1, 1, 0]) is None
    assert source_images.image_paths(str(tmp_path), 'birds', 'val', [1, 0]) is None
    assert source_images.image_paths(str(tmp_path), 'birds', 'train', [1, 0, 1]) is None
    assert source_images.image_paths(str(tmp_path), 'cars', 'val', [1, 0, 1]) is None
    (tmp_path / paths[1]).unlink()
    assert source_images.image_paths(str(tmp_path), 'birds', 'val', [1, 0, 1]) is None


def test_names_are_those_of_the_dataset_if_it_has_as_many_classes(tmp_path):
    write_dataset(tmp_path)
    assert source_images.class_names(str(tmp_path), 'birds', 2) == ['Crow', 'Wren']
    assert source_images.class_names(str(tmp_path), 'birds', 3) == ['0', '1', '2']
    assert source_images.class_names(str(tmp_path), 'cars', 2) == ['0', '1']
    warnings = []
    for count in (2, 3):
        source_images.class_names(str(tmp_path), 'birds', count, warnings.extend)
    assert warnings == ['labels.txt names 2 classes and the features have 3; not used']
