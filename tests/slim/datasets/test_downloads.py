import json
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import gdown
import pytest
from gdown.download import get_url_from_gdrive_confirmation

from slim import files as locks
from slim.datasets import catalogue, download_index, downloads, http_download
from slim.datasets.download_index import File, Item
from slim.errors import UserError
from tests.download_server import Served, md5, serve, sha256, tar_bytes, zip_bytes

FILES = {'CUB/images.txt': b'1 a.jpg\n', 'CUB/images/a.jpg': os.urandom(300_000)}
ARCHIVE = tar_bytes(FILES)


@pytest.fixture
def server():
    with serve() as running:
        yield running


@pytest.fixture
def folders(tmp_path):
    roots = {name: str(tmp_path / name) for name in ('data', 'feature', 'checkpoints', 'top')}
    return downloads.Folders(**roots)


@pytest.fixture
def fetch(folders, monkeypatch):
    """Returns `fetch(*files, **options)`, which fetches an item of these files without pauses."""

    def run(*files, name='birds', folder='data/birds', pauses=(), **options):
        monkeypatch.setattr(http_download, 'PAUSES', pauses)
        item = Item(name, 'what', folder, files)
        return downloads.fetch(name, index={name: item}, folders=folders, **options)

    return run


@pytest.fixture
def birds(tmp_path):
    return tmp_path / 'data/birds'


def plain(server, content, name='list.txt', **fields):
    """Returns a file that is not unpacked; adds it to the server."""
    server.served[name] = Served(content)
    return File(name, urls=(server.url(name),), **fields)


def archive(server, content=ARCHIVE, name='CUB.tgz', **fields):
    """Returns a file that is unpacked; adds it to the server."""
    fields = {'md5': md5(content), 'unpack': '.', 'holds': ('CUB/images.txt',), **fields}
    server.served[name] = Served(content)
    return File(name, urls=(server.url(name),), **fields)


def names(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_a_file_with_the_right_checksum_gets_its_name(server, fetch, birds, capsys):
    content = b'images/a.jpg\n' * 100
    file = plain(server, content, sha256=sha256(content), bytes=len(content))
    path = fetch(file)
    assert path == str(birds / 'list.txt')
    assert (birds / 'list.txt').read_bytes() == content
    assert names(birds) == ['list.txt']
    assert 'saved into' in capsys.readouterr().out

    assert fetch(file) == path
    assert len(server.requests) == 1
    assert 'is in place' in capsys.readouterr().out


def test_an_archive_is_unpacked_and_removed(server, fetch, birds):
    file = archive(server)
    assert fetch(file) == str(birds)
    for name, content in FILES.items():
        assert (birds / name).read_bytes() == content
    assert names(birds) == ['CUB', 'downloads.json']
    fetch(file)
    assert len(server.requests) == 1


def test_an_archive_is_kept_on_request(server, fetch, birds):
    fetch(archive(server), keep_archives=True)
    assert names(birds) == ['CUB', 'CUB.tgz', 'downloads.json']
    assert (birds / 'CUB.tgz').read_bytes() == ARCHIVE


def test_an_archive_put_there_by_hand_is_checked_unpacked_and_kept(server, fetch, birds):
    birds.mkdir(parents=True)
    (birds / 'CUB.tgz').write_bytes(ARCHIVE)
    (birds / 'train.txt').write_text('lists that were there')
    fetch(archive(server))
    assert names(birds) == ['CUB', 'CUB.tgz', 'downloads.json', 'train.txt']
    assert server.requests == []


def test_a_wrong_checksum_is_refused_and_removed(server, fetch, birds):
    file = archive(server, md5=md5(b'another'))
    with pytest.raises(UserError, match='CUB.tgz: refused') as caught:
        fetch(file)
    assert md5(b'another') in str(caught.value) and md5(ARCHIVE) in str(caught.value)
    assert names(birds) == []


@pytest.mark.parametrize('hash_is_known', [True, False])
@pytest.mark.parametrize('content_type', ['text/html; charset=utf-8', 'application/x-gzip'])
def test_a_web_page_instead_of_an_archive_is_refused_and_removed(
    server, fetch, birds, hash_is_known, content_type
):
    file = archive(server, md5=md5(ARCHIVE) if hash_is_known else None)
    page = b'\n<!DOCTYPE html><html><body>Please log in</body></html>'
    server.served['CUB.tgz'] = Served(page, content_type=content_type)
    with pytest.raises(UserError, match='refused: the file is a web page'):
        fetch(file)
    assert names(birds) == []


def test_another_file_than_an_archive_is_refused_without_a_checksum(server, fetch, birds):
    with pytest.raises(UserError, match='refused: CUB.tgz is not an archive'):
        fetch(archive(server, b'quota exceeded', md5=None))
    assert names(birds) == []


def test_a_wrong_size_is_refused_before_it_is_downloaded(server, fetch, birds):
    file = plain(server, b'x' * 5_000_000, bytes=4_000_000)
    with pytest.raises(UserError, match='the file has 5000000 bytes, expected 4000000'):
        fetch(file)
    assert names(birds) == []
    assert server.sent == []


@pytest.mark.parametrize('validators', [('"1"', None), (None, 'Mon, 01 Jan 2018 00:00:00 GMT')])
def test_only_the_rest_is_downloaded_after_a_broken_connection(server, fetch, birds, validators):
    file = archive(server)
    etag, date = validators
    server.served['CUB.tgz'] = Served(ARCHIVE, etag=etag, last_modified=date, breaks=[200_000])
    with pytest.raises(UserError, match='the connection broke off; 200 kB are kept') as caught:
        fetch(file)
    assert 'the same command resumes' in str(caught.value)
    part = birds / 'CUB.tgz.download/part'
    have = part.stat().st_size
    assert have == 200_000
    assert ARCHIVE.startswith(part.read_bytes())
    assert downloads.state(file, str(birds)) == '200 kB of it'

    fetch(file)
    assert server.ranges() == [None, f'bytes={have}-']
    assert server.requests[1][1]['If-Range'] == (etag or date)
    assert server.sent[1] == len(ARCHIVE) - have
    assert (birds / 'CUB/images/a.jpg').read_bytes() == FILES['CUB/images/a.jpg']


def test_a_run_retries_as_long_as_something_arrives(server, fetch):
    file = archive(server)
    server.served['CUB.tgz'].breaks += [70_000, 70_000, 0, 70_000]
    fetch(file, pauses=(0.01, 0.01))
    assert server.ranges() == [
        None,
        *(f'bytes={have}-' for have in (70_000, 140_000, 140_000, 210_000)),
    ]


def test_a_run_gives_up_when_nothing_more_arrives(server, fetch):
    file = archive(server)
    server.served['CUB.tgz'].breaks += [70_000, 0, 0]
    with pytest.raises(UserError, match='70.0 kB are kept'):
        fetch(file, pauses=(0.01, 0.01))
    assert len(server.requests) == 3


def test_a_file_that_changed_in_between_is_downloaded_again(server, fetch, birds):
    old, new = tar_bytes(FILES), tar_bytes({**FILES, 'CUB/new.txt': os.urandom(99)})
    file = archive(server, new, md5=None)
    server.served['CUB.tgz'] = Served(old, etag='"old"', breaks=[200_000])
    with pytest.raises(UserError):
        fetch(file)
    server.served['CUB.tgz'] = Served(new, etag='"new"')
    fetch(file)
    assert server.ranges()[1] is not None
    assert server.sent[1] == len(new)
    assert (birds / 'CUB/new.txt').exists()


def test_a_server_that_ignores_if_range_is_detected(server, fetch, birds):
    new = os.urandom(len(ARCHIVE) + 7)
    file = plain(server, new, sha256=sha256(new))
    server.served['list.txt'] = Served(ARCHIVE, etag=None, breaks=[200_000])
    with pytest.raises(UserError):
        fetch(file)
    # Without an ETag and a date, the range is only requested because the checksum is known.
    server.served['list.txt'] = Served(new, etag=None)
    fetch(file)
    assert server.ranges() == [None, 'bytes=200000-', None]
    assert (birds / 'list.txt').read_bytes() == new


def test_without_checksum_and_validator_a_file_is_downloaded_again(server, fetch):
    file = archive(server, md5=None)
    server.served['CUB.tgz'] = Served(ARCHIVE, etag=None, breaks=[200_000])
    with pytest.raises(UserError):
        fetch(file)
    fetch(file)
    assert server.ranges() == [None, None]


def test_a_download_from_a_server_without_ranges_starts_again(server, fetch, birds):
    file = archive(server)
    server.served['CUB.tgz'] = Served(ARCHIVE, ranges=False, breaks=[200_000])
    with pytest.raises(UserError):
        fetch(file)
    fetch(file)
    assert server.ranges()[1] is not None
    assert server.sent[1] == len(ARCHIVE)
    assert (birds / 'CUB/images.txt').exists()


def test_a_server_that_does_not_send_the_length(server, fetch, birds):
    file = archive(server)
    server.served['CUB.tgz'] = Served(ARCHIVE, length=False)
    fetch(file)
    assert (birds / 'CUB/images.txt').exists()


def test_a_server_that_declares_the_gzip_of_a_tgz_as_an_encoding(server, fetch, birds):
    file = archive(server)
    server.served['CUB.tgz'] = Served(ARCHIVE, encoding='x-gzip', breaks=[200_000])
    fetch(file, pauses=(0.01,))
    assert server.ranges() == [None, 'bytes=200000-']
    assert (birds / 'CUB/images.txt').exists()


def test_a_complete_part_is_not_downloaded_again(server, fetch, birds):
    """The process was killed between the last byte and the checksum."""
    file = archive(server)
    server.served['CUB.tgz'].breaks.append(200_000)
    with pytest.raises(UserError):
        fetch(file)
    staging = birds / 'CUB.tgz.download'
    (staging / 'part').write_bytes(ARCHIVE)
    (staging / 'known.json.unfinished').touch()
    fetch(file)
    assert len(server.requests) == 1
    assert names(birds) == ['CUB', 'downloads.json']


def test_a_part_that_is_too_long_is_removed(server, fetch, birds):
    file = archive(server)
    server.served['CUB.tgz'].breaks.append(200_000)
    with pytest.raises(UserError):
        fetch(file)
    (birds / 'CUB.tgz.download/part').write_bytes(ARCHIVE + b'x')
    fetch(file)
    assert server.ranges() == [None, f'bytes={len(ARCHIVE) + 1}-', None]


@pytest.mark.parametrize('status', [403, 404, 503])
def test_an_error_of_the_server_is_reported(server, fetch, birds, status):
    file = archive(server)
    server.served['CUB.tgz'] = Served(b'sorry', status=status)
    with pytest.raises(UserError, match=f'{re.escape(file.urls[0])}: the server answers {status}'):
        fetch(file, pauses=(0.01,))
    assert len(server.requests) == 1
    assert names(birds) == []


def test_a_busy_server_keeps_the_part(server, fetch, birds):
    file = archive(server)
    server.served['CUB.tgz'].breaks.append(200_000)
    with pytest.raises(UserError):
        fetch(file)
    server.served['CUB.tgz'].status = 503
    with pytest.raises(UserError, match='503'):
        fetch(file, pauses=(0.01,))
    assert (birds / 'CUB.tgz.download/part').stat().st_size == 200_000


def test_a_server_that_cannot_be_reached_is_reported_at_once(fetch, birds):
    with serve() as gone:
        file = archive(gone)
    with pytest.raises(UserError, match='connection failed .Connection refused.') as caught:
        fetch(file, pauses=(60,))
    assert file.urls[0] in str(caught.value)
    assert names(birds) == []


def test_the_next_address_is_tried(server, fetch, birds, capsys):
    file = archive(server)
    server.served['moved.tgz'] = Served(b'<html>', content_type='text/html')
    urls = (server.url('gone.tgz'), server.url('moved.tgz'), *file.urls)
    fetch(File(file.file, urls=urls, md5=file.md5, unpack='.', holds=file.holds))
    assert (birds / 'CUB/images.txt').exists()
    warnings = capsys.readouterr().err.splitlines()
    assert '404' in warnings[0] and warnings[0].endswith(f'trying {urls[1]}')
    assert 'web page' in warnings[1] and warnings[1].endswith(f'trying {urls[2]}')


def test_an_unknown_checksum_is_recorded_and_then_checked(server, fetch, birds, capsys):
    file = archive(server, md5=None)
    fetch(file)
    out = capsys.readouterr().out
    assert f'its checksum is not known; recorded its SHA-256 {sha256(ARCHIVE)}' in out
    records = json.loads((birds / 'downloads.json').read_text())
    assert records['CUB.tgz']['sha256'] == sha256(ARCHIVE)

    (birds / 'CUB/images.txt').unlink()
    server.served['CUB.tgz'] = Served(tar_bytes({'CUB/images.txt': b'changed'}), etag='"2"')
    with pytest.raises(UserError, match=sha256(ARCHIVE)):
        fetch(file)
    assert names(birds) == ['CUB', 'downloads.json']
    assert not (birds / 'CUB/images.txt').exists()

    server.served['CUB.tgz'] = Served(ARCHIVE)
    fetch(file)
    assert 'checksum is not known' not in capsys.readouterr().out
    assert (birds / 'CUB/images.txt').read_bytes() == FILES['CUB/images.txt']


def test_damaged_records_are_reported(server, fetch, birds):
    birds.mkdir(parents=True)
    (birds / 'downloads.json').write_text('{')
    with pytest.raises(UserError, match=r'downloads\.json is damaged .*; remove it'):
        fetch(archive(server, md5=None))


def test_an_archive_that_leaves_its_folder_is_not_unpacked(server, fetch, birds, tmp_path):
    content = tar_bytes({'CUB/images.txt': b'good', '../../escaped.txt': b'!'})
    with pytest.raises(UserError, match=r'\.\./\.\./escaped\.txt leaves its folder'):
        fetch(archive(server, content))
    assert names(birds) == ['CUB.tgz', 'downloads.json']
    assert not list(tmp_path.rglob('escaped.txt'))


def test_nothing_is_overwritten_and_unpacking_can_be_completed(server, fetch, birds):
    (birds / 'CUB').mkdir(parents=True)
    (birds / 'CUB/images').write_text('mine')
    file = archive(server)
    with pytest.raises(UserError, match='CUB/images exists and differs'):
        fetch(file)
    assert downloads.state(file, str(birds)) == downloads.UNPACKED
    assert (birds / 'CUB/images').read_text() == 'mine'
    assert not (birds / 'CUB/images.txt').exists()

    (birds / 'CUB/images').unlink()
    fetch(file)
    assert len(server.requests) == 1
    assert names(birds) == ['CUB', 'downloads.json']
    assert (birds / 'CUB/images/a.jpg').read_bytes() == FILES['CUB/images/a.jpg']


def test_an_archive_is_unpacked_into_its_folder(server, fetch, birds):
    content = tar_bytes({'1.JPEG': b'1', '2.JPEG': b'2'}, 'w')
    fetch(archive(server, content, unpack='val', holds=('val/*',)))
    assert names(birds / 'val') == ['1.JPEG', '2.JPEG']
    assert names(birds) == ['downloads.json', 'val']


def test_the_remains_of_a_killed_unpacking_are_ignored(server, fetch, birds):
    file = archive(server)
    for half in ('contents.unpacking', 'contents'):
        (birds / 'CUB.tgz.download' / half / 'CUB').mkdir(parents=True)
        (birds / 'CUB.tgz.download' / half / 'CUB/half.jpg').touch()
    (birds / 'CUB.tgz').write_bytes(ARCHIVE)
    assert downloads.state(file, str(birds)) == downloads.ARCHIVE
    fetch(file)
    assert names(birds) == ['CUB', 'CUB.tgz', 'downloads.json']
    assert names(birds / 'CUB') == ['images', 'images.txt']


def test_training_images_of_imagenet_become_folders(server, fetch, birds):
    content = tar_bytes({'n01.tar': tar_bytes({'n01_1.JPEG': b'1'}, 'w')}, 'w')
    file = archive(server, content, unpack='train', tars_to_folders=True, holds=('train/n01',))
    fetch(file)
    assert (birds / 'train/n01/n01_1.JPEG').read_bytes() == b'1'


def test_the_zip_of_the_paper_is_merged_into_an_existing_folder(server, fetch, tmp_path):
    files = {'data/cub_200/train.txt': 'a: 0\n', 'data/cub_200/images/a.jpg': '1'}
    content = zip_bytes({**files, '__MACOSX/data/._x': b'', 'data/food_101/val.txt': b'b: 1\n'})
    data = tmp_path / 'data'
    (data / 'cub_200/CUB_200_2011').mkdir(parents=True)
    (data / 'cub_200/train.txt').write_text('a: 0\n')
    file = archive(server, content, name='data.zip', md5=None, inner='data', holds=())
    assert downloads.state(file, str(data)) == downloads.MISSING
    assert fetch(file, folder='data') == os.path.join(str(data), '')
    assert names(data) == ['cub_200', 'downloads.json', 'food_101']
    assert names(data / 'cub_200') == ['CUB_200_2011', 'images', 'train.txt']
    assert downloads.state(file, str(data)) == downloads.HERE


INDEX, DATA = 'index bytes', 'data bytes' * 100
CHECKPOINTS = {
    'as named': {'x.ckpt.index': INDEX, 'x.ckpt.data-00000-of-00001': DATA},
    'in a folder, with more': {
        'models/model.ckpt-99.index': INDEX,
        'models/model.ckpt-99.data-00000-of-00001': DATA,
        'models/model.ckpt-99.meta': 'graph',
        'models/checkpoint': 'model_checkpoint_path: "model.ckpt-99"',
        'models/._model.ckpt-99.index': 'of macOS',
    },
    'one file, as before TensorFlow 1': {'inception_v3.ckpt': DATA},
}


@pytest.mark.parametrize('kind', CHECKPOINTS)
def test_a_checkpoint_gets_the_name_that_train_sh_expects(server, fetch, tmp_path, kind):
    content = zip_bytes(CHECKPOINTS[kind])
    file = archive(
        server, content, 'V3.archive', md5=None, unpack=None, holds=(), checkpoint='V3.ckpt'
    )
    prefix = fetch(file, folder='checkpoints/inception')
    folder = tmp_path / 'checkpoints/inception'
    assert prefix == str(folder / 'V3.ckpt')
    made = {name: (folder / name).read_text() for name in names(folder)}
    del made['downloads.json']
    ends = {
        'as named': {'.index': INDEX, '.data-00000-of-00001': DATA},
        'in a folder, with more': {
            '.index': INDEX,
            '.data-00000-of-00001': DATA,
            '.meta': 'graph',
        },
        'one file, as before TensorFlow 1': {'': DATA},
    }[kind]
    assert made == {f'V3.ckpt{end}': text for end, text in ends.items()}
    assert downloads.state(file, str(folder)) == downloads.HERE


def test_an_archive_with_two_checkpoints_is_kept_and_reported(server, fetch, tmp_path):
    content = zip_bytes({'a.ckpt.index': INDEX, 'b.ckpt.index': INDEX})
    file = archive(server, content, 'V3.archive', unpack=None, holds=(), checkpoint='V3.ckpt')
    with pytest.raises(
        UserError, match=r'does not hold exactly one checkpoint, but a\.ckpt\.index, b\.ckpt'
    ):
        fetch(file, folder='checkpoints/inception')
    assert names(tmp_path / 'checkpoints/inception') == ['V3.archive', 'downloads.json']


def by_hand(content=ARCHIVE, **fields):
    fields = {'unpack': '.', 'holds': ('CUB/images.txt',), **fields}
    return File('CUB.tgz', by_hand='ask at http://x', md5=md5(content), **fields)


def test_manual_downloads_say_where_to_get_and_put_the_file(server, fetch, birds):
    labels = plain(server, b'labels')
    with pytest.raises(UserError) as caught:
        fetch(by_hand(), labels)
    for part in ('CUB.tgz', 'ask at http://x', str(birds)):
        assert part in str(caught.value)
    assert names(birds) == ['downloads.json', 'list.txt']  # The other file is downloaded.


def test_a_manual_download_is_checked_unpacked_and_kept(fetch, birds):
    birds.mkdir(parents=True)
    (birds / 'CUB.tgz').write_bytes(ARCHIVE)
    assert downloads.state(by_hand(), str(birds)) == downloads.ARCHIVE
    fetch(by_hand())
    assert names(birds) == ['CUB', 'CUB.tgz', 'downloads.json']
    assert (birds / 'CUB/images.txt').read_bytes() == FILES['CUB/images.txt']


@pytest.mark.parametrize(
    ('content', 'fields', 'message'),
    [
        (
            ARCHIVE[:-9],
            {},
            f'is damaged or another file: its md5 is {md5(ARCHIVE[:-9])}, but .* {md5(ARCHIVE)}',
        ),
        (
            ARCHIVE[:-9],
            {'bytes': len(ARCHIVE)},
            f'has {len(ARCHIVE) - 9} bytes, expected {len(ARCHIVE)}',
        ),
        (b'<html>log in</html>', {}, 'is a web page'),
    ],
    ids=['another sum', 'another size', 'a web page'],  # Fixed ids: the archive is random.
)
def test_a_wrong_manual_download_is_not_changed(fetch, birds, content, fields, message):
    birds.mkdir(parents=True)
    (birds / 'CUB.tgz').write_bytes(content)
    with pytest.raises(UserError, match=f'CUB.tgz {message}.*; remove it and get it again'):
        fetch(by_hand(**fields))
    assert names(birds) == ['CUB.tgz']
    assert (birds / 'CUB.tgz').read_bytes() == content


def test_a_wrong_plain_file_in_place_is_reported(server, fetch, birds):
    file = plain(server, b'right', sha256=sha256(b'right'))
    birds.mkdir(parents=True)
    (birds / 'list.txt').write_bytes(b'wrong')
    with pytest.raises(UserError, match='list.txt is damaged or another file'):
        fetch(file)
    assert (birds / 'list.txt').read_bytes() == b'wrong'


def test_too_little_disk_space_is_reported_before_any_request(server, fetch, birds):
    with pytest.raises(UserError, match=r'1000\.00 TB are needed for list\.txt, but .* are free'):
        fetch(plain(server, b'x', about=10**15))
    assert server.requests == []
    assert names(birds) == []


def test_one_process_at_a_time(server, fetch, birds, monkeypatch):
    file = archive(server)
    staging = birds / 'CUB.tgz.download'
    staging.mkdir(parents=True)
    monkeypatch.setattr(locks, 'LOCK_PATIENCE_SECONDS', 0)
    with (
        locks.lock_folder(str(staging)),
        pytest.raises(UserError, match='another process is writing to .*CUB.tgz.download'),
    ):
        fetch(file)
    assert server.requests == []
    fetch(file)
    assert names(birds) == ['CUB', 'downloads.json']


def test_a_process_that_waited_for_another_does_not_download_again(server, fetch, birds):
    file = archive(server)
    staging = birds / 'CUB.tgz.download'
    with ThreadPoolExecutor() as executor:
        with locks.lock_folder(str(staging)):
            waiting = executor.submit(fetch, file)
            time.sleep(0.1)
            (birds / 'CUB').mkdir()
            (birds / 'CUB/images.txt').touch()
            shutil.rmtree(staging)
        assert waiting.result() == str(birds)
    assert server.requests == []
    assert names(birds) == ['CUB']


# Tests cannot access the file-sharing site. gdown accepts any address, and only skips the search
# for the file behind a link.


def shared(server, content, **fields):
    server.served['shared'] = Served(content)
    fields = {'unpack': '.', 'holds': ('CUB/images.txt',), **fields}
    return File('data.zip', drive=server.url('shared'), **fields)


def test_a_shared_file_is_fetched_recorded_and_unpacked(server, fetch, birds, capsys):
    content = zip_bytes(FILES)
    fetch(shared(server, content))
    assert f'recorded its SHA-256 {sha256(content)}' in capsys.readouterr().out
    assert names(birds) == ['CUB', 'downloads.json']


def test_a_shared_file_that_changed_is_refused(server, fetch, birds):
    content = zip_bytes(FILES)
    fetch(shared(server, content))
    (birds / 'CUB/images.txt').unlink()
    with pytest.raises(UserError, match=sha256(content)):
        fetch(shared(server, zip_bytes({'CUB/images.txt': 'other'})))
    assert names(birds) == ['CUB', 'downloads.json']


def test_a_web_page_instead_of_a_shared_file_is_refused_and_removed(server, fetch, birds):
    with pytest.raises(UserError, match='refused: the file is a web page'):
        fetch(shared(server, b'<!doctype html><html>Quota exceeded</html>'))
    assert names(birds) == []


@pytest.mark.parametrize('ranges', [True, False])
@pytest.mark.parametrize('grown', [0, 100])
def test_a_shared_file_is_resumed_unless_it_changed(server, fetch, birds, ranges, grown):
    # Larger than the blocks of gdown; random, so that it does not shrink in the archive.
    old = zip_bytes({**FILES, 'CUB/b.jpg': os.urandom(1_500_000)})
    new = zip_bytes({**FILES, 'CUB/b.jpg': os.urandom(1_500_000 + grown)}) if grown else old
    file = shared(server, old)
    server.served['shared'].breaks.append(1_200_000)
    with pytest.raises(UserError, match='the same command resumes'):
        fetch(file)
    assert downloads.state(file, str(birds)).startswith('1.05 MB of it')
    server.served['shared'] = Served(new, ranges=ranges)
    fetch(file)
    assert (birds / 'CUB/images.txt').exists()
    if ranges and not grown:
        assert server.ranges()[-1] == 'bytes=1048576-'
        assert server.sent[-1] == len(new) - 1048576


def test_a_missing_shared_file(server, fetch, birds):
    file = shared(server, b'')
    del server.served['shared']
    with pytest.raises(UserError, match='the server answers 404'):
        fetch(file)


def test_the_message_of_the_file_sharing_site_becomes_one_line(monkeypatch, fetch, birds):
    """gdown parses the page that the site sends for a file with too many downloads."""
    page = '<p class="uc-error-subcaption">Too many users have viewed this file recently.</p>'

    def download(*_, **__):
        try:
            get_url_from_gdrive_confirmation(page)
        except gdown.exceptions.FileURLRetrievalError as error:
            message = f'Failed to retrieve file url:\n\n\t{error}\n\nYou may still'
            raise gdown.exceptions.FileURLRetrievalError(message)  # noqa: B904 - as gdown does

    monkeypatch.setattr(gdown, 'download', download)
    with pytest.raises(UserError) as caught:
        fetch(File('data.zip', drive='1abc', unpack='.'))
    assert str(caught.value) == (
        'https://drive.google.com/open?id=1abc cannot be downloaded '
        '(Too many users have viewed this file recently.); open it in a browser, save it as '
        f'{birds}/data.zip, whatever its name is there, and run the same command again'
    )
    assert names(birds) == []


def test_an_unreachable_file_sharing_site_gets_one_line(monkeypatch, fetch):
    # A missing proxy fails without a network.
    monkeypatch.setenv('HTTPS_PROXY', 'http://127.0.0.1:9')
    with pytest.raises(UserError, match='open.id=1abc: the connection failed'):
        fetch(File('data.zip', drive='1abc', unpack='.'))


# Ids of the thirteen checkpoints and the zips in the README of the original code.
DRIVE = {
    'inception_v3_ILSVRC_299': '1Djydji-QnJOQ93dWYw-4yVLSP4-TAXHy',
    'inception_v3_iNat_299': '1g3bsmBrKPRbah4EDNnC_IgDk8N4uAZaY',
    'inception_v3_iNat_448': '1RWr2I1mOV6l5VNIZrIhwnAMtggfMaeMf',
    'inception_v3_iNat_299_FT_560': '1ocJALCYcsM6Ym2DWV-B6GYmUHVshd8lF',
    'inception_v3_ILSVRC_iNat_299': '1EUNR4o77lNt0fN5Bi4lKxTZnFhghILRw',
    'inception_v3_se_ILSVRC_iNat_299': '11T9ogOdoG0Qu2rBNKQ1hNcHq3rAQ1F-Q',
    'inception_v4_iNat_448': '1zV0n1qAQ9rDoNMHvRP488mes018BOqs0',
    'inception_v4_iNat_448_FT_560': '13IkVGfjxQKMpN6OFHpqLoIiM92FMJ-o8',
    'inception_resnet_v2_ILSVRC_iNat_299': '1l-7ZidrlG8UeS8E21tcWzke5JmaTR7mF',
    'inception_resnet_v2_se_ILSVRC_iNat_299': '1XvF8rDCJEeOMowy6JlRaNDOUD51KajpR',
    'resnet_50_ILSVRC_iNat_299': '1F9e5kFhwthf-h7CSMKW3aatPcRY0o4qs',
    'resnet_101_ILSVRC_iNat_299': '1eoOfsMRdgrLxkoEw0e3Za0aPvSBzkCE2',
    'resnet_152_ILSVRC_iNat_299': '1VvMGQIDNsxs1H9lnfTWXiikbcF1EOQ7N',
    'data': '1-FJlSj0Qa8pYvp_5PbMKw4piu7Qt5qfE',
    'feature': '1vOHKuqt7XgROo9t5cblJvGf0kGpiFaF1',
}
SUMS = {
    'CUB_200_2011.tgz': '97eceeb196236b17998738112f37df78',
    'fgvc-aircraft-2013b.tar.gz': 'd4acdd33327262359767eeaa97a4f732',
    '102flowers.tgz': '52808999861908f626f3c1f4e79d11fa',
    'imagelabels.mat': 'e0620be6f572b9609742df49c70aed4d',
    'setid.mat': 'a5357ecc9cb78c4bef273ce3793fc85c',
    'food-101.tar.gz': '85eeb15f3717b99a5da872d97d918f87',
    'images.tar': '1bb1f2a596ae7057f99d7d75860002ef',
    'lists.tar': 'edbb9f16854ec66506b5f09b583e0656',
    'train_val2017.zip': '444c835f6459867ad69fcb36478786e7',
    'train_val_images.tar.gz': '7c784ea5e424efaec655bd392f87301f',
    'nabirds.tar.gz': 'df21a9e4db349a14e2b08adfd45873bd',
    'cars_train.tgz': '065e5b463ae28d29e77c1b4b166cfe61',
    'cars_test.tgz': '4ce7ebf6a94d07f1952d94dd34c4d501',
    'car_devkit.tgz': 'c3b158d763b6e2245038c8ad08e45376',
    'cars_test_annos_withlabels.mat': 'b0a2b23655a3edd16d84508592a98d10',
    'ILSVRC2012_img_train.tar': '1d675b47d978889d74fa0da5fadfb00e',
    'ILSVRC2012_img_val.tar': '29b22e2961454d5413ddabcf34fc5622',
    'ILSVRC2012_devkit_t12.tar.gz': 'fa75699e90414af021442c21a62c3abf',
}


def test_the_index_has_the_nine_datasets_and_the_releases_of_the_paper():
    shipped = download_index.load_index()
    assert set(shipped) == {*catalogue.CATALOGUE, *DRIVE, 'inat_minival'}
    for name in catalogue.CATALOGUE:
        assert shipped[name].folder == f'data/{name}'
        assert all(file.md5 and (file.holds or not file.unpack) for file in shipped[name].files)
    files = [file for name in catalogue.CATALOGUE for file in shipped[name].files]
    assert {file.file: file.md5 for file in files} == SUMS
    assert {name: shipped[name].files[0].drive for name in DRIVE} == DRIVE
    by_hand = {name for name, item in shipped.items() if item.files[0].by_hand}
    assert by_hand == {'nabirds', 'stanford_cars', 'ILSVRC2012'}


def test_the_thirteen_checkpoints_are_where_the_scripts_expect_them(root):
    shipped = download_index.load_index()
    prefixes = [
        os.path.join(item.folder, item.files[0].checkpoint)
        for item in shipped.values()
        if item.files[0].checkpoint
    ]
    assert len(set(prefixes)) == 13
    [looked_for] = re.findall(r'CHECKPOINT_PATH \./(\S+)', (root / 'train.sh').read_text())
    assert looked_for in prefixes
    for name, item in shipped.items():
        if item.folder.startswith('checkpoints'):
            assert item.files[0].checkpoint == f'{name}.ckpt'


def test_the_list_of_validation_images_is_downloaded_into_a_folder(server, tmp_path):
    [file] = download_index.load_index()['inat_minival'].files
    assert file.urls == (
        'https://raw.githubusercontent.com/richardaecn/cvpr18-inaturalist-transfer/master/'
        'inat_minival.txt',
    )
    assert file.sha256 == '35cf431f20792f43e43be77aca5538aac84228cf2d2f09c285ea0a7b117f53ce'
    assert file.bytes == 784530
    content = b'train_val_images/Aves/a b.jpg\n'
    served = plain(server, content, file.file, sha256=sha256(content))
    item = {'inat_minival': Item('inat_minival', 'list', '.', (served,))}
    folders = downloads.Folders(top=str(tmp_path / 'new'))
    path = downloads.fetch('inat_minival', index=item, folders=folders)
    assert path == str(tmp_path / 'new/inat_minival.txt')
    assert names(tmp_path / 'new') == ['inat_minival.txt']
    assert downloads.Folders().path('.') == downloads.REPOSITORY


ITEM = "[birds]\nwhat = 'x'\nfolder = 'data/birds'\n[[birds.files]]\nfile = 'a.zip'\n"
URL = "urls = ['http://x/a.zip']\n"


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('[birds', 'is not a TOML file'),
        ("[birds]\nwhat = 'x'\n", 'birds: expected a table of what, folder, files'),
        (ITEM, r'birds: a\.zip: expected exactly one of urls, drive and by_hand'),
        (ITEM + URL + "drive = '1'\n", 'expected exactly one of urls, drive and by_hand'),
        (ITEM + URL + "md5sum = 'a'\n", 'there is no md5sum'),
        (ITEM + URL + "md5 = 'abc'\n", 'md5 abc is not 32 hexadecimal digits'),
        (ITEM + URL + f"sha256 = '{'G' * 64}'\n", 'is not 64 hexadecimal digits'),
        (ITEM + "urls = ['ftp://x/a.zip']\n", 'neither http nor https'),
        (ITEM + URL + "unpack = '../up'\n", r'\.\./up leaves the folder'),
        (ITEM.replace('a.zip', '../a.zip') + URL, 'not the name of a file'),
        (ITEM.replace('data/birds', 'data/../x') + URL, r'the folder data/\.\./x'),
        (ITEM.replace('data/birds', '/etc') + URL, 'the folder /etc'),
        (
            ITEM + URL + "[[birds.files]]\nfile = 'a.zip'\n" + URL,
            'expected one or more files with different names',
        ),
    ],
)
def test_an_index_with_a_mistake_is_refused(tmp_path, text, message):
    path = tmp_path / 'own.toml'
    path.write_text(text)
    with pytest.raises(UserError, match=f'own.toml.*{message}'):
        download_index.load_index(str(path))


def test_similar_names_are_suggested_for_an_unknown_one():
    shipped = download_index.load_index()
    with pytest.raises(UserError, match='there is no cub to download; .*cub_200'):
        download_index.select(shipped, 'cub')
    with pytest.raises(UserError, match='did you mean inception_v3_iNat_299'):
        download_index.select(shipped, 'inception_v3_inat_299')
    with pytest.raises(UserError, match=r'inat2017 has no file train.zip; .*train_val2017\.zip'):
        download_index.select(shipped, 'inat2017/train.zip')
    [file] = download_index.select(shipped, 'inat2017/train_val2017.zip').files
    assert file.file == 'train_val2017.zip'
