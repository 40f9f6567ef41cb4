import os
import subprocess
import sys
from pathlib import Path

import pytest

from slim import files
from slim.errors import UserError


def test_write_text_replaces_the_file(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a much longer text than the new one')
    files.write_text(str(path), 'né\n')
    assert path.read_bytes() == 'né\n'.encode()
    assert os.listdir(tmp_path) == ['list.txt']


def test_an_exception_while_writing_leaves_only_the_old_file(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('old')
    with pytest.raises(RuntimeError), files.atomic_file(str(path)) as unfinished:
        with open(unfinished, 'w') as file:
            file.write('half')
        assert os.path.dirname(unfinished) == str(tmp_path)
        raise RuntimeError
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == ['list.txt']


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / 'list.txt'
    os.symlink('/dev/full', str(path) + files.UNFINISHED)
    with pytest.raises(OSError, match='No space left') as caught:
        files.write_text(str(path), 'text')
    assert caught.value.filename.startswith(str(path))
    assert os.listdir(tmp_path) == []


def test_an_unfinished_file_is_renamed_by_finish(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('old')
    with files.unfinished_file(str(path)) as unfinished, open(unfinished, 'w') as file:
        file.write('new')
    assert path.read_text() == 'old'
    files.finish(str(path))
    assert path.read_text() == 'new'
    assert os.listdir(tmp_path) == ['list.txt']
    with pytest.raises(FileNotFoundError):
        files.finish(str(path))


def test_remove_unfinished_removes_nothing_else(tmp_path):
    folder = tmp_path / 'odd [name]'
    folder.mkdir()
    for name in ('a.tfrecord', 'b.partial', 'a.tfrecord' + files.UNFINISHED):
        (folder / name).touch()
    files.remove_unfinished(str(folder))
    assert sorted(os.listdir(folder)) == ['a.tfrecord', 'b.partial']


def test_check_writable_checks_the_nearest_existing_folder(tmp_path):
    files.check_writable(str(tmp_path / 'new' / 'deeper'))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'file').write_text('')
    for path in ('file', 'file/deeper'):
        with pytest.raises(NotADirectoryError, match='file'):
            files.check_writable(str(tmp_path / path))


def test_an_atomic_folder_is_renamed_when_it_is_complete(tmp_path):
    (tmp_path / 'empty').mkdir()
    for name in ('new', 'empty', 'above/new/'):
        left_behind = tmp_path / (name.rstrip('/') + files.UNFINISHED)
        left_behind.mkdir(parents=True)
        (left_behind / 'left by a killed process').touch()
        with files.atomic_folder(str(tmp_path / name)) as unfinished:
            os.mkdir(os.path.join(unfinished, 'inner'))
            with open(os.path.join(unfinished, 'inner', 'file'), 'w') as file:
                file.write('text')
            assert not (tmp_path / name / 'inner').exists()
        assert [path.name for path in (tmp_path / name).iterdir()] == ['inner']
        assert (tmp_path / name / 'inner' / 'file').read_text() == 'text'
    assert sorted(os.listdir(tmp_path)) == ['above', 'empty', 'new']


def test_an_exception_while_filling_a_folder_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), files.atomic_folder(str(tmp_path / 'new')) as unfinished:
        open(os.path.join(unfinished, 'file'), 'w').close()
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / 'file').touch()
    for path, kind in ((tmp_path, OSError), (tmp_path / 'file', NotADirectoryError)):
        with pytest.raises(kind), files.atomic_folder(str(path)):
            pytest.fail('the block was entered')
    assert os.listdir(tmp_path) == ['file']


def test_a_file_is_on_disk_before_it_is_renamed(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda number: calls.append('flush') or fsync(number))
    monkeypatch.setattr(os, 'replace', lambda *paths: calls.append('rename') or replace(*paths))
    (tmp_path / f'target{files.UNFINISHED}').write_text('text')
    files.finish(str(tmp_path / 'target'))
    assert calls == ['flush', 'rename']
    assert (tmp_path / 'target').read_text() == 'text'
    files.flush_to_disk(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        files.finish(str(tmp_path / 'target'))


LOCKING = """
import sys, time
from slim import files
with files.lock_folder(sys.argv[1]):
    print('locked', flush=True)
    time.sleep(float(sys.argv[2]))
"""


def start_locking(folder, seconds):
    command = [sys.executable, '-c', LOCKING, str(folder), str(seconds)]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def test_a_folder_is_locked_by_one_process(tmp_path, monkeypatch):
    monkeypatch.setattr(files, 'LOCK_PATIENCE_SECONDS', 0.1)
    other = start_locking(tmp_path / 'new', 60)
    try:
        assert other.stdout.readline() == 'locked\n'
        with pytest.raises(UserError, match='another process is writing to .*/new; wait until'):
            files.lock_folder(str(tmp_path / 'new')).__enter__()
    finally:
        other.kill()
        other.wait()
    with files.lock_folder(str(tmp_path / 'new')):
        pass
    assert os.listdir(tmp_path / 'new') == [files.LOCK]


def test_a_lock_that_is_released_soon_is_waited_for(tmp_path):
    other = start_locking(tmp_path, 0.5)
    assert other.stdout.readline() == 'locked\n'
    with files.lock_folder(str(tmp_path)):
        assert other.wait(timeout=60) == 0
