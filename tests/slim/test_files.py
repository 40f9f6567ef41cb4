import os

import pytest

from slim import files


def test_write_text_replaces_the_whole_file(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a much longer text than the new one')
    files.write_text(str(path), 'né\n')
    assert path.read_bytes() == 'né\n'.encode()
    assert os.listdir(tmp_path) == ['list.txt']


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
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


def test_an_unfinished_file_gets_its_name_when_it_is_finished(tmp_path):
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


def test_remove_unfinished_takes_nothing_else(tmp_path):
    folder = tmp_path / 'odd [name]'
    folder.mkdir()
    for name in ('a.tfrecord', 'b.partial', 'a.tfrecord' + files.UNFINISHED):
        (folder / name).touch()
    files.remove_unfinished(str(folder))
    assert sorted(os.listdir(folder)) == ['a.tfrecord', 'b.partial']


def test_a_folder_to_be_made_is_checked_by_what_is_above_it(tmp_path):
    files.check_writable(str(tmp_path / 'new' / 'deeper'))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'file').write_text('')
    for path in ('file', 'file/deeper'):
        with pytest.raises(NotADirectoryError, match='file'):
            files.check_writable(str(tmp_path / path))


def test_a_folder_gets_its_name_when_it_is_filled(tmp_path):
    (tmp_path / 'empty').mkdir()
    for name in ('new', 'empty', 'above/new/'):
        left_behind = tmp_path / (name.rstrip('/') + files.UNFINISHED)
        left_behind.mkdir(parents=True)
        (left_behind / 'of a killed process').touch()
        with files.atomic_folder(str(tmp_path / name)) as unfinished:
            os.mkdir(os.path.join(unfinished, 'inner'))
            with open(os.path.join(unfinished, 'inner', 'file'), 'w') as file:
                file.write('text')
            assert not (tmp_path / name / 'inner').exists()
        assert [path.name for path in (tmp_path / name).iterdir()] == ['inner']
        assert (tmp_path / name / 'inner' / 'file').read_text() == 'text'
    assert sorted(os.listdir(tmp_path)) == ['above', 'empty', 'new']


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), files.atomic_folder(str(tmp_path / 'new')) as unfinished:
        open(os.path.join(unfinished, 'file'), 'w').close()
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / 'file').touch()
    for path, kind in ((tmp_path, OSError), (tmp_path / 'file', NotADirectoryError)):
        with pytest.raises(kind), files.atomic_folder(str(path)):
            pytest.fail('it was begun')
    assert os.listdir(tmp_path) == ['file']
