"""tf-slim, mended for today's TensorFlow: ``from slim.compat import tf_slim``.

What is mended, and why: tf-slim's ``batch_norm`` builds on
``tensorflow.python.layers.normalization``, which looks for its classes in
``tf_keras.legacy_tf_layers``. tf-keras has since moved them to ``tf_keras.src.legacy_tf_layers``
without leaving the old name behind, so the look-up fails. An alias under the old name is all it
takes.
"""

import importlib
import importlib.metadata
import logging
import os
import sys
import warnings

# Before anything imports Keras: tf.compat.v1.layers, on which tf-slim stands, belongs to Keras 2.
os.environ.setdefault('TF_USE_LEGACY_KERAS', '1')

_OLD, _NEW = 'tf_keras.legacy_tf_layers', 'tf_keras.src.legacy_tf_layers'
_MODULES = ('', '.base', '.convolutional', '.core', '.normalization', '.pooling')
_PACKAGES = ('tensorflow', 'tf-keras', 'tf-slim')


def _versions() -> str:
    """What is installed of the packages that must fit together, for an error message."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f'{package} {importlib.metadata.version(package)}')
        except importlib.metadata.PackageNotFoundError:
            found.append(f'no {package}')
    return ', '.join(found)


def _patch():
    """Imports tf-slim with the alias in place; returns it and the variable-tracking decorator.

    Raises:
      ImportError: if the installed packages do not fit together; names their versions and the
        command that installs those that do.
    """
    try:
        for module in _MODULES:
            sys.modules.setdefault(_OLD + module, importlib.import_module(_NEW + module))
        shim = importlib.import_module(_NEW + '.variable_scope_shim')
        tf_slim = importlib.import_module('tf_slim')
        return tf_slim, shim.track_tf1_style_variables
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f'tf-slim does not work with what is installed ({_versions()}): {error}. Install the '
            'tested versions: pip install --require-hashes -r requirements.lock'
        ) from error


def _drop_known_deprecations():
    """Silences what tf-slim's use of old names makes TensorFlow say of itself on every start."""
    for name in ('apply', 'updates'):
        warnings.filterwarnings('ignore', message=f'`layer.{name}`')
    logging.getLogger('tensorflow').addFilter(
        lambda record: '_colocate_with' not in record.getMessage()
    )


_drop_known_deprecations()
tf_slim, track_tf1_style_variables = _patch()
