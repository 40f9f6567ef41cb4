"""The notebooks: as committed, and executed in a fresh copy after `./demo.sh data`."""

import base64
import collections
import io
import itertools
import json
import math
import os
import re
import shlex
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

from slim.experiments import class_images, notebook_data, notebooks
from slim.features import class_means, domains
from tests.slim.experiments import paper_features

MAX_BYTES = 500_000


def check_linear_classifier(printed):
    """The accuracy is far above chance and at most one."""
    accuracy, chance = map(
        float, re.search(r'accuracy ([\d.]+), chance ([\d.]+)', printed).groups()
    )
    assert chance == pytest.approx(1 / 12, abs=1e-6)
    assert 3 * chance < accuracy <= 1
    assert 'no comparison: nothing was published for demo in feature/demo' in printed
    # Of the 5 neighbours of all queries. Chance is 1/12.
    agreement = re.search(r'^([\d.]+)% of the 5 neighbours of all 480 queries', printed, re.M)
    assert 100 / 12 < float(agreement[1]) <= 100
    trustworthiness = float(re.search(r'trustworthiness ([\d.]+)', printed)[1])
    assert 0.7 < trustworthiness <= 1


def check_domain_similarity(printed):
    """The tables are complete and consistent, and there is no comparison with published numbers."""
    assert 'not shown' not in printed
    assert 'no comparison: nothing was published for these features' in printed
    assert 'agree' not in printed
    assert re.search(r'class_features/demo.npy: 12 classes, dimension \d+$', printed, re.M)
    assert 'class_features/demo_weight.npy: 50 to 100 images per class' in printed
    pairs = re.findall(r'^(mini_\w+) +(mini_[\w+]+) +([\d.]+) +(0\.\d+)$', printed, re.M)
    assert len(pairs) == 21
    for *_, cost, similarity in pairs:
        assert float(similarity) == pytest.approx(math.exp(-0.01 * float(cost)), abs=1e-4)
    supplies = re.findall(r'^(mini_\w+)  +\w[\w -]+  +([\d.]+)  (\d+)% +(\d+)%$', printed, re.M)
    assert [name for name, *_ in supplies[::2]] == [name for name, *_ in supplies[1::2]]
    assert len(supplies) == 6
    for (_, least, *_), (_, greatest, *_) in zip(supplies[::2], supplies[1::2], strict=True):
        assert float(least) < float(greatest)
    assert all(int(nature) + int(objects) == 100 for *_, nature, objects in supplies)
    assert re.search(r'^all, centred +21 +-?[\d.]+', printed, re.M)
    hits = re.findall(r'^best of (\d) sources: (\d) of 7 targets', printed, re.M)
    assert [number for number, _ in hits] == ['2', '3']
    losses = dict(re.findall(r'^(most similar source|always [\w+]+)  +([\d.]+)', printed, re.M))
    assert list(losses)[0] == 'most similar source' and len(losses) == 4
    if 'docs/transfer/results.csv' in printed:
        assert [number for _, number in hits] == ['7', '4']
        assert (losses['most similar source'], losses['always mini_nature+mini_objects']) == (
            '0.0217',
            '0.0110',
        )


@dataclass(frozen=True)
class Expected:
    """Expected outputs of a notebook.

    Attributes:
      pictures: image format -> number of pictures.
      check: function that gets the printed text and checks it.
      makes: paths that exist after it was executed in a fresh copy.
    """

    pictures: dict[str, int]
    check: Callable[[str], None]
    makes: tuple[str, ...] = ()


NOTEBOOKS = {
    'DomainSimilarityDemo.ipynb': Expected(
        {'image/png': 3, 'image/jpeg': 3},
        check_domain_similarity,
        tuple(f'feature/demo-400/class_features/demo{end}.npy' for end in ('', '_weight')),
    ),
    'LinearClassifierDemo.ipynb': Expected(
        {'image/png': 2, 'image/jpeg': 2},
        check_linear_classifier,
        (notebook_data.NEW_IMAGES.feature_dir, notebook_data.CHECKPOINT_DIR),
    ),
}
each_notebook = pytest.mark.parametrize('name', NOTEBOOKS)


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get('outputs', [])]


def printed(notebook):
    return ''.join(out.text for out in outputs(notebook) if out.output_type == 'stream')


def pictures(notebook):
    """Returns (format, bytes) of each picture among the outputs."""
    return [
        (kind, base64.b64decode(content))
        for output in outputs(notebook)
        for kind, content in output.get('data', {}).items()
        if kind.startswith('image/')
    ]


def check_outputs(notebook, expected):
    """Checks the outputs of an executed notebook."""
    assert not [out for out in outputs(notebook) if out.output_type == 'error']
    assert not [out for out in outputs(notebook) if out.get('name') == 'stderr']
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
    """Returns a copy of the repository after `./demo.sh data`, and what that printed."""
    copy = tmp_path_factory.mktemp('clone') / 'repository'
    listed = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    names = subprocess.run(listed, cwd=root, capture_output=True, check=True).stdout
    for name in os.fsdecode(names).rstrip('\0').split('\0'):
        if (root / name).is_file():  # It may be deleted without a commit yet.
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, copy / name)
    # An environment that is up to date: the current one.
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


def test_the_data_step_makes_only_the_data(after_data_step):
    copy, printed_text = after_data_step
    assert '1/6' in printed_text and '2/6' not in printed_text
    for name in ('demo', 'demo_source'):
        assert (copy / 'data' / name / 'manifest.json').is_file()
        assert len(list((copy / 'data' / name).glob('*.tfrecord'))) == 8
    for name in ('checkpoints', 'feature'):
        assert [path.name for path in (copy / name).iterdir()] == ['README.md']


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """Makes processes fail that connect to another machine."""
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
    if name == 'DomainSimilarityDemo.ipynb':
        features, labels = put_features_of_demo(copy)
    notebook = nbformat.read(copy / name, as_version=4)
    imported = "import sys; print('imported:', 'tensorflow' in sys.modules, slim.__file__)"
    notebook.cells.append(nbformat.v4.new_code_cell('import slim; ' + imported))
    start = time.monotonic()
    notebook = notebooks.execute(notebook, str(copy))
    print(f'{name} took {time.monotonic() - start:.0f} s')
    assert printed(notebook).endswith(f'imported: False {copy}/slim/__init__.py\n')
    check_outputs(notebook, NOTEBOOKS[name])
    for path in NOTEBOOKS[name].makes:
        assert (copy / path).exists()
    if name == 'DomainSimilarityDemo.ipynb':
        saved = domains.read_domain(str(copy / 'feature/demo-400/class_features'), 'demo')
        expected = class_means.compute_class_means(features, labels)
        np.testing.assert_allclose(saved.means, expected.means, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(saved.num_images, expected.num_images)


def put_features_of_demo(root):
    """Writes random features of the training images of demo; returns them with their labels."""
    folder = root / notebook_data.DEMO_IMAGES.feature_dir
    folder.mkdir(parents=True)
    labels = np.repeat(np.arange(12), np.linspace(50, 100, 12).round().astype(int))
    features = np.random.default_rng(0).normal(size=[len(labels), 5]).astype(np.float32)
    for split in ('train', 'val'):
        np.save(folder / f'demo_feature_{split}.npy', features)
        np.save(folder / f'demo_label_{split}.npy', labels.astype(np.int32))
    return features, labels


def test_domain_similarity_demo_compares_features_in_the_papers_place(
    root, tmp_path, no_network, monkeypatch
):
    for name in ('slim', 'docs'):
        (tmp_path / name).symlink_to(root / name)
    paper_features.put(tmp_path, width=4)
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    notebook = nbformat.read(root / 'DomainSimilarityDemo.ipynb', as_version=4)
    notebook = notebooks.execute(notebook, str(tmp_path))
    text = printed(notebook)
    assert f'class features: {notebook_data.PAPER.feature_dir}' in text
    assert 'minimum number of images of a source class: 200' in text
    assert 'there are no features of images; run ./demo.sh' in text
    assert 'not shown, because data/ has no images of them: ImageNet_train, ' in text
    for measure in ('emd', 'similarity'):
        assert f'{measure}: 0 of 21 agree to 0.001' in text
    row = r'^nabirds +inat_train +37\.7030 +([\d.]+) +(-?[\d.]+) +no$'
    here, difference = map(float, re.search(row, text, re.M).groups())
    assert difference == pytest.approx(here - 37.703, abs=2e-4)
    assert [kind for kind, _ in pictures(notebook)] == ['image/png'] * 3
    assert not [out for out in outputs(notebook) if out.get('name') == 'stderr']


def test_the_command_in_the_notebook_writes_the_lists_that_it_prints(
    root, run_script, without_tensorflow, tmp_path
):
    notebook = nbformat.read(root / 'DomainSimilarityDemo.ipynb', as_version=4)
    text = '\n\n'.join(cell.source for cell in notebook.cells if cell.cell_type == 'markdown')
    command = re.search(r'^ {4}(python domain_similarity.py --feature_dir.*)', text, re.M | re.S)
    lines = itertools.takewhile(str.strip, command[1].splitlines())
    _, script, *flags = shlex.split(' '.join(line.rstrip('\\') for line in lines))
    feature_set = notebook_data.FeatureSet(
        'docs/transfer/class_features',
        ('mini_nature', 'mini_objects'),
        (),
        digests=json.loads((root / 'docs/transfer/settings.json').read_text())['domains'],
    )
    images = class_images.find_images(feature_set, str(root))
    for name in feature_set.sources:
        folder = tmp_path / 'data' / name
        folder.mkdir(parents=True)
        names = (f'{label}:{class_}\n' for label, class_ in enumerate(images[name].names))
        (folder / 'labels.txt').write_text(''.join(names))
    flags[0] = f'--feature_dir={root}/docs/transfer/class_features'
    here = [f'--dataset_dir={tmp_path}/data', f'--select_dir={tmp_path}/selected']
    result = run_script(script, *flags, *here, env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    lists = {path.stem: path.read_text().splitlines() for path in tmp_path.glob('selected/*/*.txt')}
    shown = re.findall(r'^(\w+), (\d+) classes: (.*), \.\.\.$', printed(notebook), re.M)
    assert {name: (len(lines), lines[:4]) for name, lines in lists.items()} == {
        name: (int(count), first.split(', ')) for name, count, first in shown
    }
    assert len(lists) == 2
