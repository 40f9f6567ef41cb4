import os
import stat
import tarfile
import tracemalloc
import zipfile

import pytest

from slim.datasets import archives
from slim.errors import UserError
from tests.download_server import tar_bytes, zip_bytes

FILES = {'birds/a b: é.jpg': b'one' * 1000, 'birds/deep/er/2.jpg': b'', 'list.txt': b'two\n'}


def tree(folder):
    """Returns path -> contents of the files in a folder, like the dictionary of an archive."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize('mode', ['w', 'w:gz', 'w:bz2', 'w:xz', 'zip'])
def test_unpacks_every_kind_regardless_of_its_name(tmp_path, mode):
    archive = tmp_path / 'archive'
    archive.write_bytes(zip_bytes(FILES) if mode == 'zip' else tar_bytes(FILES, mode))
    assert archives.kind(str(archive)) == ('zip' if mode == 'zip' else 'tar')
    archives.unpack(str(archive), str(tmp_path / 'new'))
    assert tree(tmp_path / 'new') == FILES
    assert sorted(os.listdir(tmp_path)) == ['archive', 'new']


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path):
    archive = tmp_path / 'archive'
    archive.write_bytes(tar_bytes({'inner.zip': zip_bytes(FILES)}, 'w').rstrip(b'\0') + b'\0' * 512)
    assert zipfile.is_zipfile(archive)
    assert archives.kind(str(archive)) == 'tar'


ESCAPES = {
    'dots': {'ok.txt': b'', '../escaped.txt': b'!'},
    'dots deeper': {'ok.txt': b'', 'a/../../escaped.txt': b'!'},
    'absolute': {'ok.txt': b'', '/tmp/escaped.txt': b'!'},
    'backslash': {'ok.txt': b'', '..\\escaped.txt': b'!'},
}
LINKS = {
    'link to an absolute path': {link('a', '/etc/passwd'): b''},
    'link outside': {link('a', '../escaped.txt'): b''},
    'deeper link outside': {link('a/b/c', '../../../escaped.txt'): b''},
    'link up by way of another': {link('d/up', '..'): b'', link('x', 'd/up/../escaped'): b''},
    'link up by way of a later one': {link('x', 'd/up/../escaped'): b'', link('d/up', '..'): b''},
    'file behind a link': {link('a', 'b'): b'', 'a/escaped.txt': b'!'},
    'file through a link': {link('a', 'b'): b'', 'a': b'!'},
    'hard link outside': {link('a', '../secret', tarfile.LNKTYPE): b''},
    'hard link to an absolute path': {link('a', '/etc/passwd', tarfile.LNKTYPE): b''},
    'hard link to a link': {link('a', 'b'): b'', link('c', 'a', tarfile.LNKTYPE): b''},
    'device': {link('null', '', tarfile.CHRTYPE): b''},
    'pipe': {link('pipe', '', tarfile.FIFOTYPE): b''},
}


@pytest.mark.parametrize('name', [*ESCAPES, *LINKS])
def test_a_tar_with_an_entry_that_leaves_its_folder_leaves_nothing(tmp_path, name):
    (tmp_path / 'secret').write_text('secret')
    archive = tmp_path / 'a.tar.gz'
    archive.write_bytes(tar_bytes({'good.jpg': b'good', **(ESCAPES | LINKS)[name]}))
    reason = 'is a device or a pipe' if name in ('device', 'pipe') else ''
    with pytest.raises(archives.UnsafeArchive, match=rf'a\.tar\.gz: .*{reason}'):
        archives.unpack(str(archive), str(tmp_path / 'new'))
    assert sorted(os.listdir(tmp_path)) == ['a.tar.gz', 'secret']


@pytest.mark.parametrize('name', ESCAPES)
def test_a_zip_with_an_entry_that_leaves_its_folder_leaves_nothing(tmp_path, name):
    archive = tmp_path / 'a.zip'
    archive.write_bytes(zip_bytes({'good.jpg': b'good', **ESCAPES[name]}))
    with pytest.raises(archives.UnsafeArchive, match=r'a\.zip'):
        archives.unpack(str(archive), str(tmp_path / 'new'))
    assert os.listdir(tmp_path) == ['a.zip']
    assert not os.path.exists('/tmp/escaped.txt')


def test_a_zip_with_a_link_is_refused(tmp_path):
    archive = tmp_path / 'a.zip'
    entry = zipfile.ZipInfo('passwd')
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.write_bytes(zip_bytes({entry: b'/etc/passwd'}))
    with pytest.raises(archives.UnsafeArchive, match='passwd is a link'):
        archives.unpack(str(archive), str(tmp_path / 'new'))


def test_links_inside_the_folder_work(tmp_path):
    archive = tmp_path / 'a.tar'
    files = {
        'real/1.jpg': b'one',
        link('same/1.jpg', '../real/1.jpg'): b'',
        link('all', 'real'): b'',
        link('hard.jpg', 'real/1.jpg', tarfile.LNKTYPE): b'',
    }
    archive.write_bytes(tar_bytes(files, 'w'))
    archives.unpack(str(archive), str(tmp_path / 'new'))
    for name in ('same/1.jpg', 'all/1.jpg', 'hard.jpg'):
        assert (tmp_path / 'new' / name).read_bytes() == b'one'


def test_special_permissions_are_dropped(tmp_path):
    info = tarfile.TarInfo('run.sh')
    info.mode = 0o6777
    archive = tmp_path / 'a.tar'
    archive.write_bytes(tar_bytes({info: b'#!'}, 'w'))
    archives.unpack(str(archive), str(tmp_path / 'new'))
    assert stat.S_IMODE((tmp_path / 'new/run.sh').stat().st_mode) == 0o755


def flipped(content):
    place = len(content) * 3 // 4
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize('kind', ['tar', 'tar.gz', 'tar.gz, a bit', 'tar.bz2, a bit', 'zip'])
def test_a_damaged_archive_leaves_nothing(tmp_path, kind):
    # The first of bz2's blocks of 900 kB is intact.
    files = {f'{number}.jpg': os.urandom(100_000) for number in range(20)}
    content = {
        'tar': lambda: tar_bytes(files, 'w')[:1_030_000],
        'tar.gz': lambda: tar_bytes(files)[:-1000],
        'tar.gz, a bit': lambda: flipped(tar_bytes(files)),
        'tar.bz2, a bit': lambda: flipped(tar_bytes(files, 'w:bz2')),
        # The table of contents at the end is intact, the bytes of one entry are not.
        'zip': lambda: (whole := bytearray(zip_bytes(files)))[:500] + b'x' * 50 + whole[550:],
    }[kind]()
    archive = tmp_path / 'archive'
    archive.write_bytes(content)
    with pytest.raises(UserError, match='archive is damaged'):
        archives.unpack(str(archive), str(tmp_path / 'new'))
    assert os.listdir(tmp_path) == ['archive']


def test_other_files_are_refused(tmp_path):
    (tmp_path / 'archive').write_text('hello')
    with pytest.raises(UserError, match='neither a tar nor a zip'):
        archives.unpack(str(tmp_path / 'archive'), str(tmp_path / 'new'))


def test_tars_in_a_tar_become_folders(tmp_path):
    classes = {
        f'n0{number}': {f'n0{number}_{i}.JPEG': os.urandom(700) for i in range(3)}
        for number in range(3)
    }
    archive = tmp_path / 'train.tar'
    archive.write_bytes(
        tar_bytes({f'{name}.tar': tar_bytes(files, 'w') for name, files in classes.items()}, 'w')
    )
    archives.unpack(str(archive), str(tmp_path / 'train'), tars_to_folders=True)
    expected = {f'{name}/{file}': b for name, files in classes.items() for file, b in files.items()}
    assert tree(tmp_path / 'train') == expected

    archive.write_bytes(tar_bytes({'n01.tar': tar_bytes({'../escaped': b'!'}, 'w')}, 'w'))
    with pytest.raises(archives.UnsafeArchive, match=r'n01\.tar: the entry \.\./escaped'):
        archives.unpack(str(archive), str(tmp_path / 'again'), tars_to_folders=True)


def test_many_members_are_not_kept_in_memory(tmp_path):
    archive = tmp_path / 'a.tar'
    archive.write_bytes(tar_bytes({f'{number}': b'' for number in range(50)}, 'w'))
    with tarfile.open(archive, 'r|') as tar:
        names = [member.name for member in archives._members(tar) if len(tar.members) <= 1]
    assert names == [str(number) for number in range(50)]


def test_a_file_that_expands_a_thousandfold_is_not_held_in_memory(tmp_path):
    archive = tmp_path / 'a.tar.gz'
    archive.write_bytes(tar_bytes({'zeros': bytes(100_000_000), 'last': b'1'}))
    assert archive.stat().st_size < 200_000
    tracemalloc.start()
    archives.unpack(str(archive), str(tmp_path / 'new'))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / 'new/zeros').stat().st_size == 100_000_000
    assert peak < 5_000_000


def make(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_merge_moves_into_existing_folders(tmp_path):
    source, target = tmp_path / 'source', tmp_path / 'target'
    make(source, {'images/a/1.jpg': '1', 'images/b/2.jpg': '2', 'same.txt': 'same', 'new': 'n'})
    make(target, {'images/a/0.jpg': '0', 'same.txt': 'same', 'own.txt': 'own'})
    archives.merge(str(source), str(target))
    assert {name: content.decode() for name, content in tree(target).items()} == {
        'images/a/0.jpg': '0',
        'images/a/1.jpg': '1',
        'images/b/2.jpg': '2',
        'same.txt': 'same',
        'new': 'n',
        'own.txt': 'own',
    }
    assert not tree(source)


@pytest.mark.parametrize('there', ['z/train.txt', 'z'])
def test_merge_moves_nothing_if_a_file_would_be_overwritten(tmp_path, there):
    source, target = tmp_path / 'source', tmp_path / 'target'
    make(source, {'a.txt': 'new', 'z/train.txt': 'new'})
    make(target, {there: 'old'})
    with pytest.raises(
        UserError, match=f'{target / there} exists and differs from that in the archive'
    ):
        archives.merge(str(source), str(target))
    assert tree(target) == {there: b'old'}
    assert len(tree(source)) == 2


def test_too_little_disk_space_is_reported_with_both_numbers(tmp_path):
    with pytest.raises(UserError, match=r'1001\.00 TB are needed for CUB, but .*B are free'):
        archives.check_space(str(tmp_path), 10**15 + 10**12, 'for CUB')
