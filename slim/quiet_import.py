"""Import of TensorFlow when it is needed, without the messages of its libraries."""

import importlib
import os
import sys
import tempfile
from typing import Any


def import_tensorflow(module: str = 'tensorflow') -> Any:
    """Imports TensorFlow, which takes seconds, without messages and with its faster kernels.

    While they load, its libraries write a dozen lines to standard error, whatever the log level.
    These are captured, and printed only if the import fails. `module` is TensorFlow or a module
    that imports it, and is returned.
    """
    # Later errors are printed; on a machine without an NVIDIA GPU, those about missing GPUs not.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2' if os.path.exists('/dev/nvidiactl') else '3')
    # By default TensorFlow uses oneDNN's kernels only on CPUs with AVX-512. They are faster with
    # AVX2, too (12.8 instead of 9.3 images/s for Inception-V3), and all machines sum alike.
    os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            return importlib.import_module(module)
        except BaseException:
            captured.seek(0)
            os.write(stderr, captured.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
