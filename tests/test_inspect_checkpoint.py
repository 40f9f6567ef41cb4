import re
import shutil
import signal
import subprocess
import sys

import pytest

from slim.quiet_import import import_tensorflow


def test_help_describes_every_flag_without_tensorflow(root, run_script, without_tensorflow):
    result = run_script('inspect_checkpoint.py', '--help', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'python inspect_checkpoint.py checkpoints/' in result.stdout
    for flag in ('checkpoint_path', 'all'):
        assert re.search(rf'^  --(\[no\])?{flag}\b', result.stdout, re.M), flag


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['--checkpoint_path is required']),
        (['a.ckpt', 'b.ckpt'], ['unexpected argument b.ckpt']),
        (['a.ckpt', '--checkpoint_path=b.ckpt'], ['unexpected argument a.ckpt']),
        (['a.ckpt', '--al'], ['unknown flag --al', '--all']),
    ],
)
def test_mistakes_get_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, arguments, parts
):
    line = failure(run_script('inspect_checkpoint.py', *arguments, env=without_tensorflow), lines=1)
    for part in parts:
        assert part in line


def test_other_scripts_accept_no_argument(run_script, failure, without_tensorflow):
    for script in ('feature_extraction.py', 'eval.py'):
        line = failure(run_script(script, 'a.ckpt', env=without_tensorflow), lines=1)
        assert 'unexpected argument a.ckpt' in line


def test_the_newest_checkpoint_of_a_folder_is_described(run_script, trained):
    result = run_script('inspect_checkpoint.py', trained, '--all')
    assert (result.returncode, result.stderr) == (0, '')
    lines = result.stdout.splitlines()
    assert lines[0] == f'{trained}/model.ckpt-3'
    # Images of 75 pixels are too small for the auxiliary head.
    assert lines[1] == (
        'network          inception_v3, 8 classes, depth multiplier 0.25, '
        'without InceptionV3/AuxLogits'
    )
    assert lines[3] == 'EMA weights      none'
    assert re.fullmatch(r'optimizer state  (\d+): RMSProp \((\d+)\), RMSProp_1 \(\2\)', lines[4])
    assert lines[5] == 'global step      3'
    assert re.search(
        r'^InceptionV3/Logits/Conv2d_1c_1x1/weights +\[1, 1, 512, 8\] +float32$',
        result.stdout,
        re.M,
    )
    assert 'InceptionV3/Logits/Conv2d_1c_1x1/weights/RMSProp_1 ' in result.stdout


def test_a_reader_that_stops_early_causes_no_error(root, tmp_path):
    tf = import_tensorflow()
    from slim.learning import checkpoints

    path = checkpoints.save(str(tmp_path), {'weights': tf.zeros([1])}, 0)
    script = [sys.executable, str(root / 'inspect_checkpoint.py'), path]
    process = subprocess.Popen(
        script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    process.stdout.close()
    assert process.stderr.read() == ''
    assert process.wait() == -signal.SIGPIPE


def test_a_damaged_checkpoint_gets_one_line(run_script, failure, trained, tmp_path):
    for file in trained.glob('model.ckpt-3.*'):
        shutil.copy(file, tmp_path)
    with open(tmp_path / 'model.ckpt-3.index', 'r+b') as file:
        file.truncate(100)
    line = failure(run_script('inspect_checkpoint.py', tmp_path / 'model.ckpt-3'), lines=1)
    assert f'{tmp_path}/model.ckpt-3 is damaged' in line
