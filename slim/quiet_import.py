"""TensorFlow, imported when it is needed and without its chatter."""

import importlib
import os
import sys
import tempfile


def import_tensorflow(module='tensorflow'):
    """Imports TensorFlow, which takes seconds, without its chatter and with its faster kernels.

    Its libraries write a dozen lines to the standard error stream as they load, whatever its log
    level says. They are held back, and shown only if the import fails.

    Args:
      module: what to import, TensorFlow or something that imports it.

    Returns:
      The module.
    """
    # Later on, what goes wrong is shown; without a GPU, not that there is none.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2' if os.path.exists('/dev/nvidiactl') else '3')
    # By itself TensorFlow takes oneDNN's kernels only where there is AVX-512. With AVX2 they are
    # faster, too (12.8 against 9.3 images/s of Inception-V3), and all machines add up alike.
    os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            return importlib.import_module(module)
        except BaseException:
            chatter.seek(0)
            os.write(kept, chatter.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
