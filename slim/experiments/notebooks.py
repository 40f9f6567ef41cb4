"""Executes the notebooks at the top of the repository, and writes them back with their outputs.

    python -m slim.experiments.notebooks
    python -m slim.experiments.notebooks DomainSimilarityDemo.ipynb

What differs between two runs that came to the same, such as times and versions, is left out: what
git then shows is what has changed. A notebook that fails is left as it was.
"""

import glob
import os

from absl import flags

from slim import command_line
from slim.errors import UserError

flags.DEFINE_list('notebooks', [], 'Notebooks to execute; by default all that are here.')

CELL_SECONDS = 600  # A minute where nothing else is running.
METADATA = {
    'kernelspec': {'display_name': 'Python 3', 'language': 'python', 'name': 'python3'},
    'language_info': {'name': 'python'},
}


def clean(notebook):
    """A copy of a notebook without what differs from run to run, or from one editor to another."""
    import nbformat

    cleaned = nbformat.from_dict({**notebook, 'metadata': METADATA})
    for number, cell in enumerate(cleaned.cells):
        cell.id, cell.metadata = f'cell-{number}', {}
    return cleaned


def execute(notebook, folder: str):
    """A copy of a notebook, executed in a folder, with nothing of the outputs that it had.

    Raises:
      UserError: if a cell raises.
    """
    import nbformat
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


def to_text(notebook) -> str:
    """What `clean` leaves of a notebook as the text of its file."""
    import nbformat

    return nbformat.writes(clean(notebook)) + '\n'


def main(flags):
    import nbformat

    from slim.files import write_text

    for path in flags.notebooks or sorted(glob.glob('*.ipynb')):
        notebook = nbformat.read(path, as_version=4)
        folder = os.path.dirname(os.path.abspath(path))
        try:
            executed = execute(notebook, folder)
        except UserError as error:
            raise UserError(f'{path}: {error}') from error
        write_text(path, to_text(executed))
        print(f'{path}: {os.path.getsize(path) / 1000:.0f} kB')


if __name__ == '__main__':
    command_line.run(main, __doc__, argument_flag='notebooks')
