"""The notebooks: as they are committed, and executed in a fresh copy after `./demo.sh data`."""

import base64
import collections
import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import nbformat
import numpy as np
import pytest
from PIL import Image

from slim.experiments import demo_domains, demo_features, notebooks
from tests.slim.experiments import paper_features

MAX_BYTES = 600_000


def check_linear_classifier(printed):
    """The accuracy is far above chance, and no more than one."""
    accuracy, chance = map(
        float, re.search(r'accuracy ([\d.]+), chance ([\d.]+)', printed).groups()
    )
    assert chance == pytest.approx(1 / 12, abs=1e-6)
    assert 3 * chance < accuracy <= 1
    # Of 30 neighbours, and a quarter of all by features that are made in a minute: any share.
    assert re.search(r'^\d+% of these neighbours are of the class of their query$', printed, re.M)
    trustworthiness = float(re.search(r'trustworthiness ([\d.]+)', printed)[1])
    assert 0.7 < trustworthiness <= 1


def check_domain_similarity(printed):
    """Own features are not compared with published ones, and what is said fits the tables."""
    assert 'pictures are left out' not in printed
    assert 'nothing was published for these features' in printed and 'agree' not in printed
    pairs = re.findall(r'^mini_\w+ +mini_[\w+]+ +[\d.]+ +(0\.\d+)$', printed, re.M)
    assert len(pairs) == 21 and all(0 < float(similarity) < 1 for similarity in pairs)
    found = re.search(r'of 2 sources is the best one for (\d) of 7 targets', printed)
    centred = float(re.search(r'^all, centred +21 +(-?[\d.]+)', printed, re.M)[1])
    assert ('similarity foretells' in printed) == (int(found[1]) > 6 and centred > 0)
    assert len(re.findall(r'^feature/selected/\S+: \d+ classes', printed, re.M)) == 2


@dataclass(frozen=True)
class Expected:
    """What a notebook gives.

    Attributes:
      pictures: how many of each format.
      check: is given all that it printed, and asserts what must hold of it.
      makes: folders that are there when it was executed in a fresh copy.
    """

    pictures: dict[str, int]
    check: Callable[[str], None]
    makes: tuple[str, ...] = ()


NOTEBOOKS = {
    'DomainSimilarityDemo.ipynb': Expected(
        {'image/png': 3, 'image/jpeg': 3}, check_domain_similarity
    ),
    'LinearClassifierDemo.ipynb': Expected(
        {'image/png': 2, 'image/jpeg': 2},
        check_linear_classifier,
        (demo_features.OWN.feature_dir, demo_features.CHECKPOINTS),
    ),
}
each_notebook = pytest.mark.parametrize('name', NOTEBOOKS)


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get('outputs', [])]


def printed(notebook):
    return ''.join(one.text for one in outputs(notebook) if one.output_type == 'stream')


def pictures(notebook):
    """(format, bytes) of each picture among the outputs."""
    return [
        (kind, base64.b64decode(content))
        for output in outputs(notebook)
        for kind, content in output.get('data', {}).items()
        if kind.startswith('image/')
    ]


def check_outputs(notebook, expected):
    """Asserts that a notebook that was executed shows what it should, and nothing else."""
    assert not [one for one in outputs(notebook) if one.output_type == 'error']
    assert not [one for one in outputs(notebook) if one.get('name') == 'stderr']
    found = pictures(notebook)
    assert collections.Counter(kind for kind, _ in found) == expected.pictures
    for kind, content in found:
        with Image.open(io.BytesIO(content)) as image:
            assert f'image/{image.format.lower()}' == kind
            assert min(image.size) > 200 and np.asarray(image.convert('L')).std() > 10
    expected.check(printed(notebook))


def test_every_notebook_is_in_the_table(root):
    assert sorted(path.name for path in root.glob('*.ipynb')) == sorted(NOTEBOOKS)


@each_notebook
def test_notebook_is_committed_executed_in_order_and_clean(root, name):
    path = root / name
    assert path.stat().st_size < MAX_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.read_text() == notebooks.to_text(notebook), (
        f'python -m slim.experiments.notebooks {name}'
    )
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    check_outputs(notebook, NOTEBOOKS[name])
    for cell in cells:
        for output in cell.outputs:
            data = output.get('data', {})
            texts = [output.get('text', ''), *(data[kind] for kind in data if 'text' in kind)]
            text = '\n'.join(texts)
            assert not re.search(r'(?<![\w.:/])/[A-Za-z][\w.-]*/', text), text
            assert '\r' not in text


@pytest.fixture(scope='session')
def after_data_step(root, tmp_path_factory):
    """A copy of what the repository holds, after `./demo.sh data`; and what that said."""
    copy = tmp_path_factory.mktemp('clone') / 'repository'
    listed = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    names = subprocess.run(listed, cwd=root, capture_output=True, check=True).stdout
    for name in os.fsdecode(names).rstrip('\0').split('\0'):
        if (root / name).is_file():  # It may be deleted, and not yet committed as such.
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, copy / name)
    # An installation that is up to date: this one.
    (copy / '.venv' / 'bin').mkdir(parents=True)
    python = copy / '.venv' / 'bin' / 'python'
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    with open(copy / 'requirements.lock', 'rb') as lock:
        sum_ = subprocess.run(['cksum'], stdin=lock, capture_output=True, text=True).stdout.strip()
    (copy / '.venv' / 'installed-from').write_text(f'cpu {sum_}\n')
    done = subprocess.run(['./demo.sh', 'data'], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return copy, done.stdout


def test_the_data_step_makes_the_data_and_no_more(after_data_step):
    copy, said = after_data_step
    assert '1/6' in said and '2/6' not in said
    for name in ('demo', 'demo_source'):
        assert (copy / 'data' / name / 'manifest.json').is_file()
        assert len(list((copy / 'data' / name).glob('*.tfrecord'))) == 8
    for name in ('checkpoints', 'feature'):
        assert [path.name for path in (copy / name).iterdir()] == ['README.md']


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """For processes that are started: connecting to another machine ends in a traceback."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import socket\n'
        'connect = socket.socket.connect\n'
        'def connect_here(self, address):\n'
        "    if self.family != socket.AF_UNIX and address[0] not in ('127.0.0.1', '::1'):\n"
        "        raise RuntimeError(f'connecting to {address}')\n"
        '    return connect(self, address)\n'
        'socket.socket.connect = connect_here\n'
    )
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))


@each_notebook
def test_notebook_runs_from_a_fresh_clone(name, after_data_step, no_network, tmp_path, monkeypatch):
    copy = tmp_path / 'repository'
    shutil.copytree(after_data_step[0], copy, copy_function=os.link)
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    notebook = nbformat.read(copy / name, as_version=4)
    imported = "import sys; print('imported:', 'tensorflow' in sys.modules, slim.__file__)"
    notebook.cells.append(nbformat.v4.new_code_cell('import slim; ' + imported))
    start = time.monotonic()
    notebook = notebooks.execute(notebook, str(copy))
    print(f'{name} took {time.monotonic() - start:.0f} s')
    assert printed(notebook).endswith(f'imported: False {copy}/slim/__init__.py\n')
    check_outputs(notebook, NOTEBOOKS[name])
    for folder in NOTEBOOKS[name].makes:
        assert (copy / folder).is_dir()


def test_domain_similarity_demo_compares_features_in_the_papers_place(
    root, tmp_path, no_network, monkeypatch
):
    for name in ('slim', 'docs'):
        (tmp_path / name).symlink_to(root / name)
    paper_features.put(tmp_path, width=4)
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    notebook = nbformat.read(root / 'DomainSimilarityDemo.ipynb', as_version=4)
    notebook = notebooks.execute(notebook, str(tmp_path))
    said = printed(notebook)
    assert f'class features: {demo_domains.PAPER.feature_dir}, 4 numbers each' in said
    assert 'pictures are left out, they are not in data/: ImageNet_train, ' in said
    assert '0 of the 21 pairs are as published in 2018' in said and '21 do not agree' in said
    assert [kind for kind, _ in pictures(notebook)] == ['image/png'] * 3
    assert not [one for one in outputs(notebook) if one.get('name') == 'stderr']
