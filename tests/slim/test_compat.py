"""tf-slim's repair: it works, and says what to install where it cannot."""

import os
import subprocess
import sys
import textwrap


def _run(program, **environment):
    return subprocess.run(
        [sys.executable, '-c', textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_without_it_batch_norm_fails_and_with_it_it_works():
    program = """
        import tensorflow as tf
        {first}
        import tf_slim
        with tf.Graph().as_default():
            tf_slim.batch_norm(tf.zeros([1, 2, 2, 3]))
    """
    assert 'legacy_tf_layers' in _run(program.format(first='')).stderr
    mended = _run(program.format(first='import slim.compat'))
    assert mended.returncode == 0, mended.stderr


def test_what_does_not_fit_is_one_error_with_versions_and_the_command(tmp_path):
    (tmp_path / 'tf_slim.py').write_text('raise ImportError("no such thing")')
    failed = _run('import slim.compat', PYTHONPATH=f'{tmp_path}{os.pathsep}{os.getcwd()}')
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith(
        'ImportError: tf-slim does not work with what is installed (tensorflow 2'
    )
    assert 'pip install --require-hashes -r requirements.lock' in last
