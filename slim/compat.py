"""tf-slim, patched for today's TensorFlow: ``from slim.compat import tf_slim``.

tf-slim's ``batch_norm`` uses ``tensorflow.python.layers.normalization``, which looks for its
classes in ``tf_keras.legacy_tf_layers``. tf-keras has since moved them to
``tf_keras.src.legacy_tf_layers`` without keeping the old name. The patch is an alias under that
name.
"""

import importlib
import importlib.metadata
import logging
import os
import sys
import warnings
from types import ModuleType
from typing import Any

# Before anything imports Keras: tf.compat.v1.layers, which tf-slim builds on, belongs to Keras 2.
os.environ.setdefault('TF_USE_LEGACY_KERAS', '1')

_OLD, _NEW = 'tf_keras.legacy_tf_layers', 'tf_keras.src.legacy_tf_layers'
_MODULES = ('', '.base', '.convolutional', '.core', '.normalization', '.pooling')


def _versions() -> str:
    """Returns the installed versions of the packages that must be compatible."""
    versions = []
    for package in ('tensorflow', 'tf-keras', 'tf-slim'):
        try:
            versions.append(f'{package} {importlib.metadata.version(package)}')
        except importlib.metadata.PackageNotFoundError:
            versions.append(f'no {package}')
    return ', '.join(versions)


def _patch() -> tuple[ModuleType, Any]:
    """Returns tf-slim, imported with the alias in place, and `track_tf1_style_variables`.

    If the installed packages are incompatible, raises an ImportError that names their versions and
    the command that installs compatible ones.
    """
    try:
        for module in _MODULES:
            sys.modules.setdefault(_OLD + module, importlib.import_module(_NEW + module))
        shim = importlib.import_module(_NEW + '.variable_scope_shim')
        return importlib.import_module('tf_slim'), shim.track_tf1_style_variables
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f'tf-slim does not work with the installed packages ({_versions()}): {error}. Install '
            'the tested versions: pip install --require-hashes -r requirements.lock'
        ) from error


# tf-slim uses deprecated names, of which TensorFlow would warn at every start.
for _name in ('apply', 'updates'):
    warnings.filterwarnings('ignore', message=f'`layer.{_name}`')
logging.getLogger('tensorflow').addFilter(
    lambda record: '_colocate_with' not in record.getMessage()
)

tf_slim, track_tf1_style_variables = _patch()
