import random
import re
import signal
import time

import numpy as np
import pytest

from tests.download_server import Served, md5, serve, sha256, tar_bytes, zip_bytes

BIRDS = {f'CUB/images/{number}.jpg': random.Random(number).randbytes(40_000) for number in range(9)}
BIRDS_TGZ = tar_bytes(BIRDS)
LISTS = zip_bytes({'train.txt': b'a: 0\n', 'val.txt': b'b: 0\n'})
WEIGHTS = {'V3/model.ckpt.index': b'index', 'V3/model.ckpt.data-00000-of-00001': b'data' * 999}
WEIGHTS_ZIP = zip_bytes(WEIGHTS)

INDEX = """
[cub_200]
what = 'birds'
folder = 'data/cub_200'
[[cub_200.files]]
file = 'CUB.tgz'
urls = ['{url}/CUB.tgz']
md5 = '{birds}'
bytes = {size}
unpack = '.'
holds = ['CUB/images']
[[cub_200.files]]
file = 'lists.zip'
urls = ['{url}/lists.zip']
unpack = '.'
holds = ['train.txt', 'val.txt']

[V3]
what = 'a checkpoint'
folder = 'checkpoints/inception'
files = [{{ file = 'V3.archive', drive = '{url}/V3', checkpoint = 'V3.ckpt' }}]

[nabirds]
what = 'more birds'
folder = 'data/nabirds'
by_hand = 'fill in the form at http://form'
files = [{{ file = 'nabirds.tgz', md5 = '{birds}', unpack = '.', holds = ['CUB/images'] }}]
"""


@pytest.fixture
def server():
    with serve() as running:
        for name, content in (('CUB.tgz', BIRDS_TGZ), ('lists.zip', LISTS), ('V3', WEIGHTS_ZIP)):
            running.served[name] = Served(content)
        yield running


@pytest.fixture
def flags(server, tmp_path):
    """Returns flags for downloads from the server into the test's folder."""
    path = tmp_path / 'index.toml'
    url = server.url('').rstrip('/')
    path.write_text(INDEX.format(url=url, birds=md5(BIRDS_TGZ), size=len(BIRDS_TGZ)))
    folders = {'dataset_dir': 'data', 'checkpoint_dir': 'checkpoints', 'feature_dir': 'feature'}
    return [f'--catalogue={path}', *(f'--{flag}={tmp_path / f}' for flag, f in folders.items())]


@pytest.fixture
def cub(tmp_path):
    return tmp_path / 'data/cub_200'


def assert_birds(cub):
    assert {path.relative_to(cub).as_posix() for path in cub.glob('CUB/**/*.jpg')} == set(BIRDS)
    for name, content in BIRDS.items():
        assert (cub / name).read_bytes() == content
    assert (cub / 'train.txt').read_bytes() == b'a: 0\n'
    assert sorted(path.name for path in cub.iterdir()) == [
        'CUB',
        'downloads.json',
        'train.txt',
        'val.txt',
    ]


def test_help_lists_every_flag_without_tensorflow(run_script, without_tensorflow):
    result = run_script('download.py', '--help', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'python download.py cub_200' in result.stdout
    for flag in ('names', 'list', 'keep_archives', 'dataset_dir', 'checkpoint_dir', 'catalogue'):
        assert re.search(rf'^  --(\[no\])?{flag}\b', result.stdout, re.M), flag


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['name what to download', '--list']),
        (['cub200'], ['there is no cub200', 'did you mean cub_200?']),
        (['cub_200', 'inception_v3_inat_448'], ['inception_v3_iNat_448']),
        (['cub_200/cub.tgz'], ['cub_200 has no file cub.tgz', 'CUB_200_2011.tgz']),
        (['cub_200', '--lits'], ['unknown flag --lits', '--list']),
        (['--names=cub_200', 'nabirds'], ['unexpected argument nabirds']),
        (['cub_200', '--catalogue=missing.toml'], ['missing.toml is missing']),
    ],
)
def test_mistakes_get_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, tmp_path, arguments, parts
):
    arguments = [*arguments, f'--dataset_dir={tmp_path}']
    line = failure(run_script('download.py', *arguments, env=without_tensorflow), lines=1)
    for part in parts:
        assert part in line
    assert list(tmp_path.iterdir()) == []


def test_several_names_at_once_without_tensorflow(
    run_script, without_tensorflow, server, flags, cub, tmp_path
):
    result = run_script('download.py', 'cub_200', *flags, 'V3', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert_birds(cub)
    inception = tmp_path / 'checkpoints/inception'
    assert (inception / 'V3.ckpt.index').read_bytes() == b'index'
    assert (inception / 'V3.ckpt.data-00000-of-00001').read_bytes() == b'data' * 999
    assert f'recorded its SHA-256 {sha256(LISTS)}' in result.stdout
    assert f'recorded its SHA-256 {sha256(WEIGHTS_ZIP)}' in result.stdout
    assert result.stdout.splitlines()[-1] == f'V3: {inception}/V3.ckpt'

    asked = len(server.requests)
    again = run_script('download.py', '--names=cub_200,V3', *flags, env=without_tensorflow)
    assert (again.returncode, again.stderr) == (0, '')
    assert len(server.requests) == asked


def rows(result):
    assert (result.returncode, result.stderr) == (0, '')
    return [re.split(r' {2,}', line) for line in result.stdout.splitlines()]


def test_list_shows_what_is_here(run_script, without_tensorflow, server, flags, cub, tmp_path):
    size = f'{len(BIRDS_TGZ) / 1000:.0f} kB'
    host = f'127.0.0.1:{server.port}'
    result = run_script('download.py', '--list', *flags, env=without_tensorflow)
    assert rows(result) == [
        ['name', 'file', 'size', 'state', 'from'],
        ['cub_200', 'CUB.tgz', size, 'missing', host],
        ['cub_200', 'lists.zip', '?', 'missing', host],
        ['V3', 'V3.archive', '?', 'missing', host],
        ['nabirds', 'nabirds.tgz', '?', 'missing', 'by hand: fill in the form at http://form'],
        ['0 of 4 files are here'],
    ]
    run_script('download.py', 'cub_200/lists.zip', *flags)
    (cub / 'CUB.tgz.download').mkdir()
    (cub / 'CUB.tgz.download/part').write_bytes(BIRDS_TGZ[: len(BIRDS_TGZ) // 4])
    (tmp_path / 'data/nabirds').mkdir()
    (tmp_path / 'data/nabirds/nabirds.tgz').touch()
    states = [row[3] for row in rows(run_script('download.py', '--list', *flags))[1:-1]]
    quarter = f'{len(BIRDS_TGZ) // 4 / 1000:.1f} kB of it, 25%'
    assert states == [quarter, 'here', 'missing', 'archive here']
    result = run_script('download.py', 'V3', 'nabirds', '--list', *flags)
    assert [row[0] for row in rows(result)][1:] == ['V3', 'nabirds', '0 of 2 files are here']


def test_manual_downloads_get_one_line_and_the_others_are_downloaded(
    run_script, failure, flags, cub, tmp_path
):
    line = failure(run_script('download.py', 'nabirds', 'cub_200', *flags), lines=1)
    for part in ('nabirds.tgz', 'fill in the form at http://form', f'{tmp_path}/data/nabirds'):
        assert part in line
    assert_birds(cub)

    nabirds = tmp_path / 'data/nabirds'
    nabirds.mkdir()
    (nabirds / 'nabirds.tgz').write_bytes(BIRDS_TGZ[:-5])
    line = failure(run_script('download.py', 'nabirds', *flags), lines=1)
    assert f'nabirds.tgz is damaged or another file: its md5 is {md5(BIRDS_TGZ[:-5])}' in line
    assert md5(BIRDS_TGZ) in line
    (nabirds / 'nabirds.tgz').write_bytes(BIRDS_TGZ)
    assert run_script('download.py', 'nabirds', *flags).returncode == 0
    assert (nabirds / 'nabirds.tgz').exists()
    assert len(list((nabirds / 'CUB/images').iterdir())) == 9


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_download_is_resumed(start_script, run_script, server, flags, cub, number):
    server.served['CUB.tgz'].hold.append(150_000)
    script = start_script('download.py', 'cub_200', *flags)
    part = cub / 'CUB.tgz.download/part'
    # The last blocks may still be in a buffer of the process.
    script.wait_until(lambda: part.exists() and part.stat().st_size >= 2 * 65536)
    status = script.end(number)
    assert status == (130 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        assert script.stderr == 'download.py: interrupted\n'
    have = part.stat().st_size
    assert not (cub / 'CUB.tgz').exists()

    result = run_script('download.py', 'cub_200', *flags)
    assert (result.returncode, result.stderr) == (0, '')
    assert_birds(cub)
    assert server.ranges()[:2] == [None, f'bytes={have}-']
    server.released.set()
    assert len(BIRDS_TGZ) - have in server.sent


def test_the_next_run_completes_a_download_killed_at_random_moments(
    start_script, run_script, server, flags, cub
):
    server.served['CUB.tgz'].pause = 0.005
    generator = np.random.default_rng(0)
    for _ in range(6):
        script = start_script('download.py', 'cub_200', *flags)
        script.wait_for('CUB.tgz')
        time.sleep(generator.uniform(0, 0.2))
        script.end(signal.SIGKILL)
        if (cub / 'CUB/images').exists():
            assert len(list((cub / 'CUB/images').iterdir())) == 9
    result = run_script('download.py', 'cub_200', *flags)
    assert (result.returncode, result.stderr) == (0, '')
    for name, content in BIRDS.items():
        assert (cub / name).read_bytes() == content


def test_a_full_disk_gets_one_line_and_keeps_the_part(
    start_script, run_script, root, server, flags, cub
):
    # Simulates a full disk by a limit on file sizes, in blocks of 1024 bytes.
    python = run_script('download.py', '--help').args[0]
    command = ['bash', '-c', 'ulimit -f 100; exec "$@"', 'bash', python, str(root / 'download.py')]
    script = start_script('', command=[*command, 'cub_200/CUB.tgz', *flags])
    assert script.end() == 1
    part = cub / 'CUB.tgz.download/part'
    [line] = script.stderr.splitlines()
    assert str(part) in line and 'what has arrived is kept' in line
    have = part.stat().st_size
    assert 0 < have <= 102400

    assert run_script('download.py', 'cub_200', *flags).returncode == 0
    assert server.ranges()[:2] == [None, f'bytes={have}-']
    assert_birds(cub)


def test_all_missing_files_of_a_server_get_one_line(run_script, failure, flags, server):
    server.served.clear()
    line = failure(run_script('download.py', 'cub_200', 'V3', *flags), lines=1)
    assert line.count('the server answers 404') == 3
