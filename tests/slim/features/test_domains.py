"""Domains: read from both layouts, merged, and refused with one line."""

import numpy as np
import pytest

from slim.errors import UserError
from slim.features import domains
from slim.features.class_means import compute_class_means


@pytest.fixture
def feature_dir(tmp_path):
    """Two domains in the layout of the release, one as extracted."""
    random = np.random.default_rng(0)
    for name, count in (('ImageNet_train', 5), ('inat_train', 4)):
        np.save(tmp_path / f'{name}.npy', random.normal(size=[count, 3]).astype(np.float32))
        np.save(tmp_path / f'{name}_weight.npy', np.arange(count) + 1.0)
    features = random.normal(size=[20, 3]).astype(np.float32)
    np.save(tmp_path / 'cub_200_feature_train.npy', features)
    np.save(tmp_path / 'cub_200_label_train.npy', np.arange(20, dtype=np.int32) % 2)
    return tmp_path


def test_reads_the_layout_of_the_release(feature_dir):
    domain = domains.read_domain(str(feature_dir), 'inat_train')
    np.testing.assert_array_equal(domain.means, np.load(feature_dir / 'inat_train.npy'))
    assert domain.means.dtype == domain.num_images.dtype == np.float64
    assert domain.num_images.tolist() == [1, 2, 3, 4]
    assert domain.members == ('inat_train',) * 4


def test_computes_means_of_extracted_features(feature_dir):
    domain = domains.read_domain(str(feature_dir), 'cub_200')
    features = np.load(feature_dir / 'cub_200_feature_train.npy').astype(np.float64)
    np.testing.assert_allclose(
        domain.means, [features[::2].mean(axis=0), features[1::2].mean(axis=0)], rtol=1e-6
    )
    assert domain.num_images.tolist() == [10, 10]


def test_written_class_means_are_read_again(tmp_path):
    class_means = compute_class_means(np.eye(3), [0, 1, 1])
    domains.write_domain(str(tmp_path / 'new'), 'birds', class_means)
    domain = domains.read_domain(str(tmp_path / 'new'), 'birds')
    np.testing.assert_array_equal(domain.means, class_means.means)
    assert domain.num_images.tolist() == [1, 2]
    with pytest.raises(UserError, match='not the name'):
        domains.write_domain(str(tmp_path), '../birds', class_means)


def test_a_merged_domain_records_the_domain_of_each_class(feature_dir):
    parts = [domains.read_domain(str(feature_dir), n) for n in ('ImageNet_train', 'inat_train')]
    kept = domains.keep_classes(domains.merge_domains(parts), 3)
    assert kept.name == 'ImageNet_train+inat_train'
    assert kept.members == ('ImageNet_train',) * 3 + ('inat_train',) * 2
    assert kept.labels.tolist() == [2, 3, 4, 2, 3]
    np.testing.assert_array_equal(kept.means[3:], parts[1].means[2:])
    assert kept.num_images.tolist() == [3, 4, 5, 3, 4]


def test_classes_without_images_are_removed_only_by_min_num_imgs():
    domain = domains.create_domain('birds', [[0.0], [np.nan], [2.0]], [1, 0, 3])
    assert domains.keep_classes(domain, 1).labels.tolist() == [0, 2]
    with pytest.raises(UserError, match=r'birds: 1 of 3 classes have no images \(1\)'):
        domains.keep_classes(domain)


@pytest.mark.parametrize(
    'means, num_images, message',
    [
        ([[1.0], [2.0]], [1], 'features of 2 classes, but weights of 1'),
        ([[1.0]], [-1], 'negative or not finite: -1 of class 0'),
        ([[1.0]], [np.inf], 'negative or not finite: inf of class 0'),
        ([[1.0], [1.0]], [0, 0], 'all weights are zero'),
        ([[1.0]], ['a'], 'not a list of weights'),
        ([1.0], [1], r'the shape is \[1\]'),
    ],
)
def test_invalid_domains_are_refused(means, num_images, message):
    with pytest.raises(UserError, match=f'^birds: .*{message}'):
        domains.create_domain('birds', means, num_images)


def test_invalid_selections_are_refused():
    with pytest.raises(UserError, match='birds: the mean of class 1 is not finite'):
        domains.keep_classes(domains.create_domain('birds', [[0.0], [np.inf]], [1, 1]))
    with pytest.raises(UserError, match='none of its 1 classes has 200 images'):
        domains.keep_classes(domains.create_domain('birds', [[0.0]], [199]), 200)


def test_dimensions_must_be_equal():
    birds = domains.create_domain('birds', np.ones([1, 2048]), [1])
    dogs = domains.create_domain('dogs', np.ones([1, 1536]), [1])
    with pytest.raises(UserError, match='birds have dimension 2048, those of dogs 1536'):
        domains.merge_domains([birds, dogs])


def test_an_unknown_domain_is_refused_with_similar_names(feature_dir):
    folder = str(feature_dir)
    with pytest.raises(UserError, match='unknown domain inat_trian.*did you mean inat_train?'):
        domains.read_domain(folder, 'inat_trian')
    with pytest.raises(UserError, match='there are ImageNet_train, cub_200, inat_train$'):
        domains.read_domain(folder, 'xyz')
    with pytest.raises(UserError, match='there is no such folder'):
        domains.read_domain(folder + '/nowhere', 'cub_200')
    with pytest.raises(UserError, match='holds no domains$'):
        (feature_dir / 'empty').mkdir()
        domains.read_domain(folder + '/empty', 'cub_200')
    with pytest.raises(UserError, match='feature_extraction.py --dataset_name=inat_train'):
        domains.read_images(folder, 'inat_train', 'train')
    for name in ('../cub_200', '', '..', 'a/b'):
        with pytest.raises(UserError, match='not the name'):
            domains.read_domain(folder, name)
    (feature_dir / 'inat_train_weight.npy').unlink()
    with pytest.raises(UserError, match='inat_train_weight.npy is missing'):
        domains.read_domain(folder, 'inat_train')


def save_objects(path):
    np.save(path, np.array([{'a': 1}, None]), allow_pickle=True)
    return 'holds Python objects'


def save_text(path):
    path.write_text('1 2 3\n')
    return 'is not a complete array'


def save_nothing(path):
    path.write_bytes(b'')
    return 'is not a complete array'


def save_half(path):
    np.save(path, np.ones([100, 100]))
    path.write_bytes(path.read_bytes()[:5000])
    return 'is not a complete array'


def save_archive(path):
    with open(path, 'wb') as file:
        np.savez(file, a=np.ones(3))
    return 'is an archive'


@pytest.mark.parametrize('save', [save_objects, save_text, save_nothing, save_half, save_archive])
def test_files_that_are_not_arrays_of_numbers_are_refused(tmp_path, save):
    message = save(tmp_path / 'a.npy')
    with pytest.raises(UserError, match=f'a.npy {message}'):
        domains.read_array(str(tmp_path / 'a.npy'))


def test_pairs_of_files_are_parsed_and_read(tmp_path):
    np.save(tmp_path / 'clip_feature_train.npy', np.eye(4))
    np.save(tmp_path / 'labels.npy', [0, 1, 0])
    paths = domains.split_pair(f'{tmp_path}/clip_feature_train.npy,{tmp_path}/labels.npy', 'source')
    with pytest.raises(UserError, match='4 features, but 3 labels'):
        domains.read_domain_of_images(*paths)
    np.save(tmp_path / 'labels.npy', [0, 1, 0, 1])
    assert domains.read_domain_of_images(*paths).name == 'clip'
    for text in ('a.npy', 'a.npy,', 'a.npy,b.npy,c.npy'):
        with pytest.raises(UserError, match='expected --source=features.npy,labels.npy'):
            domains.split_pair(text, 'source')
