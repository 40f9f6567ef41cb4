"""Synthetic datasets on disk: layout, determinism, and folders in any state."""

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from slim import files
from slim.synthetic import MergedDataset, render_example, write_dataset, writing
from slim.synthetic.definitions import FAMILIES, class_descriptions
from slim.synthetic.registry import DATASETS

TINY = dataclasses.replace(
    DATASETS['demo'], num_classes=3, train_images=(4, 2), val_images=2, description='a test'
)
OTHER = dataclasses.replace(TINY, first_class=20, seed=TINY.seed + 1)
TRAIN_COUNTS = [one.counts['train'] for one in class_descriptions(TINY)]
LISTS = ('train.txt', 'val.txt', 'labels.txt')


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(DATASETS, 'tiny', TINY)
    monkeypatch.setitem(DATASETS, 'other', OTHER)
    monkeypatch.setitem(DATASETS, 'both', MergedDataset(('tiny', 'other'), 'both'))


def _contents(folder):
    files = (path for path in sorted(folder.rglob('*')) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _write(folder, workers=1, name='tiny'):
    return write_dataset(name, folder, num_workers=workers, progress=False)


@pytest.fixture(scope='module')
def rendered(tmp_path_factory):
    """A folder with the datasets tiny, other and both, each of which was rendered on its own."""
    folder = tmp_path_factory.mktemp('rendered')
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, 'tiny', TINY)
        patch.setitem(DATASETS, 'other', OTHER)
        patch.setitem(DATASETS, 'both', MergedDataset(('tiny', 'other'), 'both'))
        for name in ('both', 'tiny', 'other'):
            _write(folder / name, name=name)
    return folder


@pytest.fixture
def folder(rendered, tmp_path):
    """A folder with a copy of the dataset tiny."""
    return shutil.copytree(rendered / 'tiny', tmp_path / 'tiny')


def _refuse_to_render(monkeypatch):
    def render(task):
        raise AssertionError(f'{task.path} was rendered again')

    monkeypatch.setattr(writing, '_render', render)


def test_layout_and_lists(tmp_path):
    folder = tmp_path / 'data' / 'tiny'
    assert _write(folder) == folder
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        (*LISTS, 'images', 'domain.json')
    )
    names = []
    for label, line in enumerate((folder / 'labels.txt').read_text().splitlines()):
        number, _, name = line.partition(':')
        assert number == str(label)
        names.append(name)
    assert names == [one.name for one in class_descriptions(TINY)]

    listed = []
    for split, counts in (('train', TRAIN_COUNTS), ('val', [2, 2, 2])):
        text = (folder / f'{split}.txt').read_text()
        assert text.endswith('\n')
        labels = []
        for line in text.splitlines():
            path, _, label = line.rpartition(': ')
            class_folder = f'{int(label):03d}.{names[int(label)].replace(" ", "_")}'
            assert pathlib.PurePath(path).parts[:2] == ('images', class_folder)
            with Image.open(folder / path) as image:
                image.load()
            listed.append(path)
            labels.append(int(label))
        assert [labels.count(label) for label in range(3)] == counts
    assert sorted(TRAIN_COUNTS) == [2, 3, 4]
    on_disk = [name for name in _contents(folder) if name.startswith('images/')]
    assert sorted(listed) == sorted(on_disk)
    assert [path.name for path in folder.parent.iterdir()] == ['tiny']


def test_merged_dataset_has_the_images_of_its_parts(rendered):
    assert DATASETS['both'].num_classes == 6
    assert DATASETS['both'].families == ('birds',)
    contents = {name: _contents(rendered / name) for name in ('tiny', 'other', 'both')}
    images = {
        name: {path: jpeg for path, jpeg in files.items() if path.endswith('.jpg')}
        for name, files in contents.items()
    }
    for parts in zip(*(sorted(images[name].items()) for name in ('tiny', 'other')), strict=True):
        for (path, jpeg), shift in zip(parts, (0, 3), strict=True):
            number, _, rest = path.removeprefix('images/').partition('.')
            there = f'images/{int(number) + shift:03d}.{rest}'
            assert images['both'].pop(there) == jpeg
    assert not images['both']
    lines = (rendered / 'both' / 'labels.txt').read_text().splitlines()
    names = [one.name for one in (*class_descriptions(TINY), *class_descriptions(OTHER))]
    assert lines == [f'{label}:{name}' for label, name in enumerate(names)]


@pytest.mark.parametrize('damage', ['', 'list', 'image', 'definition'])
def test_merged_dataset_copies_the_images_of_complete_parts(rendered, folder, monkeypatch, damage):
    other, both = folder.parent / 'other', folder.parent / 'both'
    if damage == 'definition':  # a dataset of an earlier version, which only its digest reveals
        with monkeypatch.context() as patch:
            patch.setattr(FAMILIES['birds'], 'REVISION', 0)
            _write(other, name='other')
    else:
        shutil.copytree(rendered / 'other', other)
    if damage == 'list':
        (other / 'train.txt').write_text('')
    elif damage == 'image':
        next((other / 'images').glob('*/val_*.jpg')).unlink()
    names = []

    def render(species, *arguments):
        names.append(species.name)
        return original(species, *arguments)

    original = FAMILIES['birds'].render
    monkeypatch.setattr(FAMILIES['birds'], 'render', render)
    _write(both, name='both')
    expected = {one.name for one in class_descriptions(OTHER)} if damage else set()
    assert set(names) == expected
    assert _contents(both) == _contents(rendered / 'both')


def test_example_is_an_image_of_the_dataset(folder):
    for label, split, index in ((0, 'train', 1), (2, 'val', 0)):
        (path,) = folder.glob(f'images/{label:03d}.*/{split}_{index:04d}.jpg')
        with Image.open(path) as image:
            assert render_example('tiny', label, index, split).tobytes() == image.tobytes()


def test_bytes_do_not_depend_on_the_number_of_workers(rendered, tmp_path):
    alone, together = _contents(rendered / 'tiny'), _contents(_write(tmp_path / 'b', 2))
    assert alone == together
    images = [content for name, content in alone.items() if name.endswith('.jpg')]
    assert len(set(images)) == len(images) == 15


def test_image_does_not_depend_on_the_number_of_images(rendered, tmp_path, monkeypatch):
    small = _contents(rendered / 'tiny')
    monkeypatch.setitem(DATASETS, 'tiny', dataclasses.replace(TINY, val_images=3))
    large = _contents(_write(tmp_path / 'large'))
    images = {name for name in small if name.endswith('.jpg')}
    assert len(large) == len(small) + 3
    assert all(small[name] == large[name] for name in images)


def test_another_seed_gives_other_images(rendered, tmp_path, monkeypatch):
    first = _contents(rendered / 'tiny')
    monkeypatch.setitem(DATASETS, 'tiny', dataclasses.replace(TINY, seed=TINY.seed + 1))
    second = _contents(_write(tmp_path / 'second'))
    assert not set(first.values()) & {
        content for name, content in second.items() if name.endswith('.jpg')
    }


def test_second_call_renders_nothing_and_leaves_other_files_alone(folder, monkeypatch):
    (folder / 'train_00000-of-00001.tfrecord').write_bytes(b'shard')
    (folder / 'manifest.json').write_text('{}')
    before = _contents(folder)
    _refuse_to_render(monkeypatch)
    _write(folder)
    assert _contents(folder) == before


def test_empty_folder_and_link_to_one_are_filled(tmp_path):
    (tmp_path / 'empty').mkdir()
    assert len(_contents(_write(tmp_path / 'empty'))) == 19
    (tmp_path / 'far' / 'disk').mkdir(parents=True)
    (tmp_path / 'link').symlink_to(tmp_path / 'far' / 'disk')
    assert len(_contents(_write(tmp_path / 'link'))) == 19
    assert (tmp_path / 'link').is_symlink()


@pytest.mark.parametrize(
    ('damage', 'complaint'),
    [
        (lambda folder: (folder / 'domain.json').unlink(), 'not a synthetic dataset'),
        (lambda folder: (folder / 'train.txt').write_text('a.jpg: 0\n'), 'train.txt is missing or'),
        (lambda folder: (folder / 'labels.txt').unlink(), 'labels.txt is missing or'),
        (lambda folder: next(folder.rglob('val_0001.jpg')).unlink(), r'val_0001\.jpg is missing'),
    ],
)
def test_damaged_dataset_is_refused_and_left_as_it_is(folder, damage, complaint):
    damage(folder)
    before = _contents(folder)
    with pytest.raises(ValueError, match=complaint):
        _write(folder)
    assert _contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ['tiny']


def test_other_files_are_refused_and_left_as_they_are(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'holiday.jpg').write_bytes(b'mine')
    with pytest.raises(ValueError, match='not a synthetic dataset; choose another folder'):
        _write(tmp_path)
    with pytest.raises(ValueError, match='not a folder'):
        _write(tmp_path / 'images' / 'holiday.jpg')
    assert _contents(tmp_path) == {'images/holiday.jpg': b'mine'}


def test_dataset_of_another_definition_is_refused(folder, monkeypatch):
    before = _contents(folder)
    monkeypatch.setitem(DATASETS, 'tiny', dataclasses.replace(TINY, seed=TINY.seed + 1))
    with pytest.raises(ValueError, match="another version of 'tiny'"):
        _write(folder)
    assert _contents(folder) == before


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match='did you mean tiny'):
        write_dataset('tinny', tmp_path / 'a')
    with pytest.raises(ValueError, match='num_workers is 0'):
        write_dataset('tiny', tmp_path / 'a', num_workers=0)
    assert not list(tmp_path.iterdir())


def test_failed_run_leaves_nothing(tmp_path, monkeypatch):
    _refuse_to_render(monkeypatch)
    with pytest.raises(AssertionError):
        _write(tmp_path / 'tiny')
    assert not list(tmp_path.iterdir())


def test_two_runs_at_the_same_time_give_one_dataset(tmp_path, monkeypatch):
    render, folder, second = writing._render, tmp_path / 'tiny', []
    monkeypatch.setattr(files, 'LOCK_PATIENCE_SECONDS', 0)

    def let_another_run_finish_first(task):
        if not second:
            second.append(folder)
            with monkeypatch.context() as undone:
                undone.setattr(writing, '_render', render)
                _write(folder)
            second.append(len(_contents(folder)))
        return render(task)

    monkeypatch.setattr(writing, '_render', let_another_run_finish_first)
    assert _write(folder) == folder
    assert second == [folder, 19]
    assert len(_contents(folder)) == 19
    assert [path.name for path in tmp_path.iterdir()] == ['tiny']


def _children(pid):
    listing = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text()
    return [int(child) for child in listing.split()]


def _command(pid):
    return pathlib.Path(f'/proc/{pid}/cmdline').read_text()


def _is_running(pid):
    try:
        state = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return False
    return state != 'Z'


def _wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'timed out'
        time.sleep(0.02)


@pytest.fixture
def live_run(tmp_path):
    """A real process that renders a larger dataset, and its worker processes."""
    code = 'import sys; from slim.synthetic import write_dataset as w; '
    code += 'w("demo_source", sys.argv[1], num_workers=2, progress=False)'
    command = [sys.executable, '-c', code, str(tmp_path / 'tiny')]
    # A file instead of a pipe, which a worker that outlived its run would keep open for ever.
    with (tmp_path.parent / f'{tmp_path.name}.stderr').open('w+') as stderr:
        run = subprocess.Popen(command, stderr=stderr)
    workers = []
    try:
        _wait_until(lambda: len(list(tmp_path.glob('.tiny.rendering-*/tiny/images/*/*.jpg'))) > 3)
        workers = [child for child in _children(run.pid) if 'spawn_main' in _command(child)]
        assert len(workers) == 2
        yield run, workers
    finally:
        run.kill()
        run.wait()
        for worker in filter(_is_running, workers):
            os.kill(worker, signal.SIGKILL)


def test_killed_run_leaves_no_partial_dataset_and_no_process(tmp_path, live_run):
    run, workers = live_run
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not (tmp_path / 'tiny').exists()
    assert list(tmp_path.iterdir())
    _wait_until(lambda: not any(_is_running(worker) for worker in workers))

    assert len(_contents(_write(tmp_path / 'tiny'))) == 19
    assert [path.name for path in tmp_path.iterdir()] == ['tiny']


def test_folder_of_a_live_run_is_not_removed(tmp_path, live_run, monkeypatch):
    monkeypatch.setattr(files, 'LOCK_PATIENCE_SECONDS', 0)
    (work,) = tmp_path.glob('.tiny.rendering-*')
    writing._remove_leftovers(tmp_path / 'tiny')
    assert len(list(work.glob('tiny/images/*/*.jpg'))) > 3
    assert live_run[0].poll() is None


def test_killed_worker_ends_the_run_with_one_clear_sentence(tmp_path, live_run):
    run, workers = live_run
    os.kill(workers[0], signal.SIGKILL)
    assert run.wait(timeout=20) == 1
    stderr = (tmp_path.parent / f'{tmp_path.name}.stderr').read_text()
    assert 'UserError: a worker process was killed' in stderr
    assert not list(tmp_path.iterdir())
