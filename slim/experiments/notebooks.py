"""Executes the notebooks at the top of the repository and writes them back with their outputs.

    python -m slim.experiments.notebooks
    python -m slim.experiments.notebooks DomainSimilarityDemo.ipynb

Times, versions and other details that differ between two runs with the same results are removed, so
that `git diff` shows only what has changed. A notebook that fails is left unchanged.
"""

import glob
import os

import nbformat
from absl import flags

from slim import command_line
from slim.errors import UserError
from slim.files import write_text

flags.DEFINE_list('notebooks', [], 'Notebooks to execute; by default all in this folder.')

CELL_SECONDS = 600  # The slowest cell takes a minute on an idle machine.
METADATA = {
    'kernelspec': {'display_name': 'Python 3', 'language': 'python', 'name': 'python3'},
    'language_info': {'name': 'python'},
}


def execute(notebook: nbformat.NotebookNode, folder: str) -> nbformat.NotebookNode:
    """Returns a copy of a notebook, executed in `folder`; its earlier outputs are discarded.

    Raises:
      UserError: if a cell raises.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    fresh = nbformat.from_dict(notebook)
    for cell in fresh.cells:
        if cell.cell_type == 'code':
            cell.outputs, cell.execution_count = [], None
    resources = {'metadata': {'path': folder}}
    try:
        return NotebookClient(fresh, timeout=CELL_SECONDS, resources=resources).execute()
    except CellExecutionError as error:
        raise UserError(f'a cell raises {error.ename}: {error.evalue}') from error


def to_text(notebook: nbformat.NotebookNode) -> str:
    """Returns the text of a notebook's file, without details that differ from run to run."""
    cleaned = nbformat.from_dict({**notebook, 'metadata': METADATA})
    for number, cell in enumerate(cleaned.cells):
        cell.id, cell.metadata = f'cell-{number}', {}
    return nbformat.writes(cleaned) + '\n'


def main(flags: flags.FlagValues) -> None:
    # LinearClassifierDemo comes first: it makes the features that DomainSimilarityDemo averages.
    for path in flags.notebooks or sorted(glob.glob('*.ipynb'), reverse=True):
        notebook = nbformat.read(path, as_version=4)
        try:
            executed = execute(notebook, os.path.dirname(os.path.abspath(path)))
        except UserError as error:
            raise UserError(f'{path}: {error}') from error
        write_text(path, to_text(executed))
        print(f'{path}: {os.path.getsize(path) / 1000:.0f} kB')


if __name__ == '__main__':
    command_line.run(main, __doc__, argument_flag='notebooks')
