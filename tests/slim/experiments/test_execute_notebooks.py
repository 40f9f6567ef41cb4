"""The command that executes notebooks."""

import os
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from slim.experiments import notebooks


@pytest.fixture
def refresh(root):
    def refresh(path):
        command = [sys.executable, '-m', 'slim.experiments.notebooks', str(path)]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)

    return refresh


def write(path, *sources):
    cells = [new_markdown_cell('# A'), *map(new_code_cell, sources)]
    cells[-1].update(execution_count=7, metadata={'collapsed': True})
    nbformat.write(new_notebook(cells=cells, metadata={'widgets': 1}), path)


def test_executed_in_its_folder_and_cleaned(tmp_path, refresh):
    path = tmp_path / 'a.ipynb'
    write(path, 'import os; print(os.listdir("."))', '1 + 1')
    result = refresh(path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f'{path}: {path.stat().st_size / 1000:.0f} kB\n'
    text = path.read_text()
    notebook = nbformat.reads(text, as_version=4)
    assert notebook.cells[1].outputs[0].text == "['a.ipynb']\n"
    assert notebook.cells[2].outputs[0].data == {'text/plain': '2'}
    assert [cell.get('execution_count') for cell in notebook.cells] == [None, 1, 2]
    assert notebook.metadata == notebooks.METADATA
    assert not any(cell.metadata for cell in notebook.cells)
    assert notebooks.to_text(notebook) == text
    refresh(path)
    assert path.read_text() == text


def test_a_notebook_that_fails_is_left_unchanged(tmp_path, refresh):
    path = tmp_path / 'a.ipynb'
    write(path, 'raise ValueError("no features")')
    before = path.read_text()
    result = refresh(path)
    assert result.returncode == 1 and path.read_text() == before
    assert f'notebooks.py: {path}: a cell raises ValueError: no features' in result.stderr
    assert 'Traceback' not in result.stderr


def test_the_notebook_that_makes_features_is_executed_before_the_one_that_reads_them(
    tmp_path, root
):
    for name in ('DomainSimilarityDemo', 'LinearClassifierDemo'):
        write(tmp_path / f'{name}.ipynb', '1 + 1')
    command = [sys.executable, '-m', 'slim.experiments.notebooks']
    env = {**os.environ, 'PYTHONPATH': str(root)}
    result = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    names = [line.split('.')[0] for line in result.stdout.splitlines()]
    assert names == ['LinearClassifierDemo', 'DomainSimilarityDemo'], result.stderr
