"""Embedded datasets on disk: layout, determinism, and what happens to folders in any state."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from slim.synthetic import DOMAINS, Union, draw_example, write_domain, writing
from slim.synthetic.registry import FAMILIES

TINY = dataclasses.replace(
    DOMAINS['demo'], num_classes=3, train_images=(4, 2), val_images=2, description='a test'
)
TRAIN_COUNTS = [one.counts['train'] for one in TINY.classes()]
LISTS = ('train.txt', 'val.txt', 'labels.txt')


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(DOMAINS, 'tiny', TINY)


def _contents(folder):
    files = (path for path in sorted(folder.rglob('*')) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _write(folder, workers=1):
    return write_domain('tiny', folder, num_workers=workers, progress=False)


def _refuse_to_draw(monkeypatch):
    def draw(task):
        raise AssertionError(f'{task.path} was drawn again')

    monkeypatch.setattr(writing, '_photograph', draw)


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
    assert names == [one.name for one in TINY.classes()]

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


def test_union_has_the_photographs_of_its_parts(tmp_path, monkeypatch):
    other = dataclasses.replace(TINY, first_class=20, seed=TINY.seed + 1)
    monkeypatch.setitem(DOMAINS, 'other', other)
    monkeypatch.setitem(DOMAINS, 'tiny_and_other', Union(('tiny', 'other'), 'both'))
    for name in ('tiny', 'other', 'tiny_and_other'):
        write_domain(name, tmp_path / name, num_workers=1, progress=False)
    assert DOMAINS['tiny_and_other'].num_classes == 6
    contents = {name: _contents(tmp_path / name) for name in ('tiny', 'other', 'tiny_and_other')}
    pictures = {
        name: {path: jpeg for path, jpeg in files.items() if path.endswith('.jpg')}
        for name, files in contents.items()
    }
    for parts in zip(*(sorted(pictures[name].items()) for name in ('tiny', 'other')), strict=True):
        for (path, jpeg), shift in zip(parts, (0, 3), strict=True):
            number, _, rest = path.removeprefix('images/').partition('.')
            there = f'images/{int(number) + shift:03d}.{rest}'
            assert pictures['tiny_and_other'].pop(there) == jpeg
    assert not pictures['tiny_and_other']
    lines = (tmp_path / 'tiny_and_other' / 'labels.txt').read_text().splitlines()
    names = [one.name for one in (*TINY.classes(), *other.classes())]
    assert lines == [f'{label}:{name}' for label, name in enumerate(names)]


@pytest.mark.parametrize('spoilt', ['', 'list', 'photograph', 'definition'])
def test_union_takes_photographs_from_whole_datasets_beside_it(tmp_path, monkeypatch, spoilt):
    other = dataclasses.replace(TINY, first_class=20, seed=TINY.seed + 1)
    monkeypatch.setitem(DOMAINS, 'other', other)
    monkeypatch.setitem(DOMAINS, 'both', Union(('tiny', 'other'), 'both'))
    write_domain('both', tmp_path / 'alone' / 'both', num_workers=1, progress=False)
    write_domain('tiny', tmp_path / 'tiny', num_workers=1, progress=False)
    with monkeypatch.context() as patch:
        if spoilt == 'definition':  # Of an earlier version: nothing else tells.
            patch.setattr(FAMILIES['birds'], 'REVISION', 0)
        write_domain('other', tmp_path / 'other', num_workers=1, progress=False)
    if spoilt == 'list':  # It is no longer what a union could be made of.
        (tmp_path / 'other' / 'train.txt').write_text('')
    elif spoilt == 'photograph':
        next((tmp_path / 'other' / 'images').glob('*/val_*.jpg')).unlink()
    drawn = []

    def draw(species, *arguments):
        drawn.append(species.name)
        return plain(species, *arguments)

    plain = FAMILIES['birds'].draw
    monkeypatch.setattr(FAMILIES['birds'], 'draw', draw)
    write_domain('both', tmp_path / 'both', num_workers=1, progress=False)
    assert set(drawn) == ({one.name for one in other.classes()} if spoilt else set())
    assert _contents(tmp_path / 'both') == _contents(tmp_path / 'alone' / 'both')


def test_example_is_an_image_of_the_dataset(tmp_path):
    folder = _write(tmp_path / 'tiny')
    for label, split, index in ((0, 'train', 1), (2, 'val', 0)):
        (path,) = folder.glob(f'images/{label:03d}.*/{split}_{index:04d}.jpg')
        with Image.open(path) as image:
            assert draw_example('tiny', label, index, split).tobytes() == image.tobytes()


def test_same_bytes_whatever_the_number_of_workers(tmp_path):
    alone, together = _contents(_write(tmp_path / 'a')), _contents(_write(tmp_path / 'b', 2))
    assert alone == together
    images = [content for name, content in alone.items() if name.endswith('.jpg')]
    assert len(set(images)) == len(images) == 15


def test_an_image_does_not_depend_on_how_many_there_are(tmp_path, monkeypatch):
    small = _contents(_write(tmp_path / 'small'))
    monkeypatch.setitem(DOMAINS, 'tiny', dataclasses.replace(TINY, val_images=3))
    large = _contents(_write(tmp_path / 'large'))
    images = {name for name in small if name.endswith('.jpg')}
    assert len(large) == len(small) + 3
    assert all(small[name] == large[name] for name in images)


def test_another_seed_is_other_pictures(tmp_path, monkeypatch):
    first = _contents(_write(tmp_path / 'first'))
    monkeypatch.setitem(DOMAINS, 'tiny', dataclasses.replace(TINY, seed=TINY.seed + 1))
    second = _contents(_write(tmp_path / 'second'))
    assert not set(first.values()) & {
        content for name, content in second.items() if name.endswith('.jpg')
    }


def test_second_call_draws_nothing_and_leaves_other_files_alone(tmp_path, monkeypatch):
    folder = _write(tmp_path / 'tiny')
    (folder / 'train_00000-of-00001.tfrecord').write_bytes(b'shard')
    (folder / 'manifest.json').write_text('{}')
    before = _contents(folder)
    _refuse_to_draw(monkeypatch)
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
        (lambda folder: (folder / 'domain.json').unlink(), 'no embedded dataset'),
        (lambda folder: (folder / 'train.txt').write_text('a.jpg: 0\n'), 'train.txt is missing or'),
        (lambda folder: (folder / 'labels.txt').unlink(), 'labels.txt is missing or'),
        (lambda folder: next(folder.rglob('val_0001.jpg')).unlink(), r'val_0001\.jpg is missing'),
    ],
)
def test_anything_else_is_refused_and_left_as_it_is(tmp_path, damage, complaint):
    folder = _write(tmp_path / 'tiny')
    damage(folder)
    before = _contents(folder)
    with pytest.raises(ValueError, match=complaint):
        _write(folder)
    assert _contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ['tiny']


def test_files_of_others_are_refused_and_left_as_they_are(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'holiday.jpg').write_bytes(b'mine')
    with pytest.raises(ValueError, match='no embedded dataset; choose another folder'):
        _write(tmp_path)
    with pytest.raises(ValueError, match='not a folder'):
        _write(tmp_path / 'images' / 'holiday.jpg')
    assert _contents(tmp_path) == {'images/holiday.jpg': b'mine'}


def test_a_dataset_of_another_definition_is_refused(tmp_path, monkeypatch):
    folder = _write(tmp_path / 'tiny')
    before = _contents(folder)
    monkeypatch.setitem(DOMAINS, 'tiny', dataclasses.replace(TINY, seed=TINY.seed + 1))
    with pytest.raises(ValueError, match="not today's 'tiny'"):
        _write(folder)
    assert _contents(folder) == before


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match='did you mean tiny'):
        write_domain('tinny', tmp_path / 'a')
    with pytest.raises(ValueError, match='num_workers is 0'):
        write_domain('tiny', tmp_path / 'a', num_workers=0)
    assert not list(tmp_path.iterdir())


def test_a_failed_run_leaves_nothing(tmp_path, monkeypatch):
    _refuse_to_draw(monkeypatch)
    with pytest.raises(AssertionError):
        _write(tmp_path / 'tiny')
    assert not list(tmp_path.iterdir())


def test_two_runs_at_once_end_in_one_dataset(tmp_path, monkeypatch):
    draw, folder, second = writing._photograph, tmp_path / 'tiny', []

    def draw_and_let_another_run_come_first(task):
        if not second:
            second.append(folder)
            with monkeypatch.context() as undone:
                undone.setattr(writing, '_photograph', draw)
                _write(folder)
            second.append(len(_contents(folder)))
        return draw(task)

    monkeypatch.setattr(writing, '_photograph', draw_and_let_another_run_come_first)
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
        assert time.monotonic() < deadline, 'nothing happened in time'
        time.sleep(0.02)


@pytest.fixture
def live_run(tmp_path):
    """A real process that is drawing a larger domain, and the processes that draw for it."""
    code = 'import sys; from slim.synthetic import write_domain as w; '
    code += 'w("demo_source", sys.argv[1], num_workers=2, progress=False)'
    command = [sys.executable, '-c', code, str(tmp_path / 'tiny')]
    # A file and not a pipe: a worker that outlived its run would keep the pipe open for ever.
    with (tmp_path.parent / f'{tmp_path.name}.stderr').open('w+') as stderr:
        run = subprocess.Popen(command, stderr=stderr)
    workers = []
    try:
        _wait_until(lambda: len(list(tmp_path.glob('.tiny.drawing-*/images/*/*.jpg'))) > 3)
        workers = [child for child in _children(run.pid) if 'spawn_main' in _command(child)]
        assert len(workers) == 2
        yield run, workers
    finally:
        run.kill()
        run.wait()
        for worker in filter(_is_running, workers):
            os.kill(worker, signal.SIGKILL)


def test_a_killed_run_leaves_no_half_dataset_and_no_process(tmp_path, live_run):
    run, workers = live_run
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not (tmp_path / 'tiny').exists()
    assert list(tmp_path.iterdir())
    _wait_until(lambda: not any(_is_running(worker) for worker in workers))

    assert len(_contents(_write(tmp_path / 'tiny'))) == 19
    assert [path.name for path in tmp_path.iterdir()] == ['tiny']


def test_what_a_live_run_writes_is_not_cleared(tmp_path, live_run):
    (drawing,) = tmp_path.glob('.tiny.drawing-*')
    writing._clear_leftovers(tmp_path / 'tiny')
    assert drawing.is_dir()
    assert live_run[0].poll() is None


def test_a_killed_worker_ends_the_run_with_one_clear_sentence(tmp_path, live_run):
    run, workers = live_run
    os.kill(workers[0], signal.SIGKILL)
    assert run.wait(timeout=20) == 1
    stderr = (tmp_path.parent / f'{tmp_path.name}.stderr').read_text()
    assert 'UserError: a worker process was killed' in stderr
    assert not list(tmp_path.iterdir())
