"""train.sh and eval.sh: environment variables, their defaults, and their help."""

import re

import pytest

# Calls of the scripts with PYTHON=echo print the command that they would run.


def _environment_variables(run_bash, script, **env):
    """Returns the defaults that --help shows, by variable."""
    done = run_bash(script, '--help', env=env)
    assert (done.returncode, done.stderr) == (0, '')
    pattern = r'^  ([A-Z_]+) +\S.*\n +default: (.*)$'
    return dict(re.findall(pattern, done.stdout, re.MULTILINE))


def _flags(run_bash, script, *arguments, **env):
    """Returns the flags that the script passes on, by name."""
    done = run_bash(script, *arguments, env={'PYTHON': 'echo', **env})
    assert (done.returncode, done.stderr) == (0, ''), done.stderr
    name, *words = done.stdout.split()
    assert name == script.replace('.sh', '.py')
    return dict(word.removeprefix('--').split('=', 1) for word in words if '=' in word)


NAMES = {
    'train.sh': {
        'TRAIN_BATCH_SIZE': 'batch_size',
        'LR': 'learning_rate',
        'LR_DECAY': 'learning_rate_decay_factor',
        'END_LR': 'end_learning_rate',
        'EPOCHS_PER_DECAY': 'num_epochs_per_decay',
        'MODEL_DIR': 'train_dir',
        'MAX_STEPS': 'max_number_of_steps',
        'LOG_STEPS': 'log_every_n_steps',
        'SAVE_MODEL_SECS': 'save_interval_secs',
    },
    'eval.sh': {'MODEL_DIR': 'checkpoint_path', 'EVAL_BATCH_SIZE': 'batch_size'},
}


@pytest.mark.parametrize('script', NAMES)
def test_help_shows_the_variables_with_the_defaults_that_are_passed_on(script, run_bash):
    variables, given = _environment_variables(run_bash, script), _flags(run_bash, script)
    assert variables.pop('PYTHON') in ('python', '.venv/bin/python')
    if script == 'eval.sh':
        assert variables.pop('TIMEOUT_SECS') == '(empty)'
    passed_on = {NAMES[script].get(name, name.lower()): v for name, v in variables.items()}
    assert passed_on == given


@pytest.mark.parametrize('script', NAMES)
def test_a_variable_of_the_environment_counts_even_if_it_is_empty(script, run_bash):
    for name in set(_environment_variables(run_bash, script)) - {'PYTHON', 'TIMEOUT_SECS'}:
        flag = NAMES[script].get(name, name.lower())
        for value in ('7', ''):
            assert _flags(run_bash, script, **{name: value})[flag] == value, name


@pytest.mark.parametrize('script', NAMES)
def test_help_says_where_the_other_flags_are(script, run_bash):
    shown = run_bash(script, '--once', '-h').stdout
    assert f'python {script.replace(".sh", ".py")} --help lists them' in shown


def test_defaults_depend_on_the_other_variables(run_bash):
    help_of = _environment_variables
    assert help_of(run_bash, 'train.sh', DATASET_NAME='demo')['MODEL_DIR'] == './checkpoints/demo'
    twelve = help_of(run_bash, 'eval.sh', MODEL_DIR='a', NUM_CROPS='12')
    assert twelve['EVAL_DIR'] == 'a/eval_12_crops'
    assert help_of(run_bash, 'eval.sh', MODEL_DIR='a,b')['EVAL_DIR'] == '(empty)'


def test_arguments_are_passed_on_after_the_variables(run_bash):
    done = run_bash('train.sh', '--batch_size=3', '--x y', env={'PYTHON': 'echo'})
    assert done.stdout.endswith('--batch_size=3 --x y\n')
    assert _flags(run_bash, 'eval.sh', TIMEOUT_SECS='600')['timeout_secs'] == '600'
    assert 'timeout_secs' not in _flags(run_bash, 'eval.sh')
