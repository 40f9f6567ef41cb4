"""The patch of tf-slim: it works, or names the command that installs compatible packages."""

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


def test_batch_norm_works_only_with_the_patch():
    program = """
        import tensorflow as tf
        {first}
        import tf_slim
        with tf.Graph().as_default():
            tf_slim.batch_norm(tf.zeros([1, 2, 2, 3]))
    """
    assert 'legacy_tf_layers' in _run(program.format(first='')).stderr
    patched = _run(program.format(first='import slim.compat'))
    assert patched.returncode == 0, patched.stderr


def test_incompatible_packages_raise_one_error_with_versions_and_the_command(tmp_path):
    (tmp_path / 'tf_slim.py').write_text('raise ImportError("no such thing")')
    failed = _run('import slim.compat', PYTHONPATH=f'{tmp_path}{os.pathsep}{os.getcwd()}')
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith(
        'ImportError: tf-slim does not work with the installed packages (tensorflow 2'
    )
    assert 'pip install --require-hashes -r requirements.lock' in last
