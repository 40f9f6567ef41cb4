"""Command line: flags from settings, help by groups, flag files, errors in one line."""

import dataclasses
import re
import sys

import pytest
from absl import flags

from slim import command_line, configs

# Settings of each script, and flags whose names differ from those of the fields.
SCRIPTS = {
    'convert_dataset.py': [configs.ConversionConfig],
    'domain_similarity.py': [configs.SimilarityConfig],
    'download.py': [],
    'eval.py': [configs.EvaluationConfig],
    'export_saved_model.py': [],  # Its defaults are those of the checkpoint.
    'feature_extraction.py': [configs.ExtractionConfig],
    'inspect_checkpoint.py': [],
    'linear_classifier.py': [configs.LinearClassifierConfig],
    'prepare_dataset.py': [configs.PreparationConfig],
    'reproduce_transfer.py': [configs.MiniatureConfig],
    'train.py': [configs.TrainingConfig, configs.OptimizerConfig, configs.ScheduleConfig],
}
FLAG_NAMES = {
    (configs.EvaluationConfig, 'image_size'): 'eval_image_size',
    (configs.OptimizerConfig, 'name'): 'optimizer',
    (configs.ScheduleConfig, 'decay_factor'): 'learning_rate_decay_factor',
    (configs.ScheduleConfig, 'decay_type'): 'learning_rate_decay_type',
    (configs.TrainingConfig, 'image_size'): 'train_image_size',
}
FOLDERS = {
    'dataset_dir': configs.DATASET_DIR,
    'checkpoint_dir': configs.CHECKPOINT_DIR,
    'feature_dir': configs.FEATURE_DIR,
}


@pytest.fixture(scope='module')
def shown(run_script):
    """Returns `shown(script)`, the text of its --help."""
    texts = {}

    def text(script):
        if script not in texts:
            result = run_script(script, '--help')
            assert (result.returncode, result.stderr) == (0, '')
            texts[script] = result.stdout
        return texts[script]

    return text


def _defaults(text):
    """Returns the defaults that a --help shows, by flag; None for a flag without a default."""
    pattern = r'^  --(?:\[no\])?(\w+)(?: \(default: (.*)\))?$'
    return {name: default or None for name, default in re.findall(pattern, text, re.MULTILINE)}


def _parsed(text, value):
    """Returns a default of a --help as a value of the type of `value`."""
    if text is None or value is None:
        return text
    if isinstance(value, tuple):
        return tuple(text.split(','))
    if isinstance(value, bool):
        return text == 'true'
    return text if isinstance(value, str) else float(text)


@pytest.mark.parametrize('script', SCRIPTS)
def test_flags_have_the_defaults_of_the_settings(script, shown):
    defaults = _defaults(shown(script))
    assert defaults
    compared = 0
    for config in SCRIPTS[script]:
        for field, value in vars(config()).items():
            flag = FLAG_NAMES.get((config, field), field)
            if flag in defaults and not dataclasses.is_dataclass(value):
                assert _parsed(defaults[flag], value) == (None if value == () else value), flag
                compared += 1
    for flag, folder in FOLDERS.items():
        if defaults.get(flag) is not None:
            assert defaults[flag].startswith(folder), flag
    assert compared >= (1 if SCRIPTS[script] else 0)


@pytest.mark.parametrize('field', vars(configs.TrainingConfig()))
def test_every_setting_of_a_training_is_a_flag(field, shown):
    flag = FLAG_NAMES.get((configs.TrainingConfig, field), field)
    assert flag in _defaults(shown('train.py')) or field in ('optimizer', 'schedule')


def test_help_prints_the_groups_in_order(shown):
    groups = [
        'Files and folders',
        'Network and images',
        'Initial weights',
        'Optimization',
        'Logs and checkpoints',
        'Devices, precision and threads',
    ]
    assert re.findall(r'^(\w.*):$', shown('train.py'), re.MULTILINE) == groups
    assert shown('train.py').index('Optimization:') < shown('train.py').index('  --learning_rate ')


def test_choices_are_not_repeated_in_the_description(shown):
    texts = re.findall(r'^      <(.*?)>: (.*)$', shown('train.py'), re.MULTILINE)
    assert len(texts) == 5
    for choices, description in texts:
        assert not all(choice in description for choice in choices.split('|')), description


@pytest.fixture
def flag_values(monkeypatch):
    """Replaces absl's global flags by a copy that a test may define flags in."""
    values = flags.FlagValues()
    flags.DEFINE_string('flagfile', '', 'Flag file.', values, allow_override=True)
    flags.DEFINE_string('undefok', '', 'Ignored.', values)
    flags.DEFINE_integer('steps', 1, 'Steps.', flag_values=values)
    flags.DEFINE_list('scopes', [], 'Scopes.', flag_values=values)
    flags.DEFINE_float('rate', 0.1, 'Rate.', flag_values=values)
    monkeypatch.setattr(command_line, 'FLAGS', values)
    return values


def _run(*arguments, argument_flag=None):
    """Runs a script that does nothing; returns its exit status."""
    with pytest.raises(SystemExit) as caught:
        command_line.run(lambda _: None, 'Doc.', ['script.py', *arguments], argument_flag)
    return caught.value.code


def test_a_flag_file_may_contain_comments_and_later_flags_override_it(flag_values, tmp_path):
    path = tmp_path / 'recipe.flags'
    path.write_text('# A comment.\n\n--steps=7\n# --rate=3\n--scopes=a,b\n')
    assert _run(f'--flagfile={path}', '--steps=9') in (0, None)
    assert (flag_values.steps, flag_values.scopes, flag_values.rate) == (9, ['a', 'b'], 0.1)
    assert _run('--steps=9', f'--flagfile={path}') in (0, None)
    assert flag_values.steps == 7


@pytest.mark.parametrize(
    ('content', 'part'),
    [('--stepz=7', 'did you mean --steps'), ('--steps=x', 'steps'), ('hm', 'unexpected argument')],
)
def test_a_mistake_in_a_flag_file_gets_one_line(flag_values, tmp_path, capsys, content, part):
    (tmp_path / 'recipe.flags').write_text(content)
    assert _run(f'--flagfile={tmp_path}/recipe.flags') == 1
    line = capsys.readouterr().err
    assert part in line and line.count('\n') == 1


def test_a_missing_flag_file_gets_one_line(flag_values, tmp_path, capsys):
    assert _run(f'--flagfile={tmp_path}/none.flags') == 1
    line = capsys.readouterr().err
    assert f'{tmp_path}/none.flags' in line and line.count('\n') == 1


def test_a_removed_flag_is_refused_with_its_replacement(flag_values, capsys):
    assert _run('--sync_replicas') == 1
    assert '--sync_replicas of the original code was removed' in capsys.readouterr().err


def test_a_list_flag_is_broadcast_to_the_members(flag_values):
    flags.DEFINE_list('members', ['a', 'b'], 'Members.', flag_values=flag_values)
    flag_values(['script.py', '--scopes=1'])
    assert command_line.broadcast_flag(flag_values, 'scopes', 'members', int) == (1, 1)
    flag_values(['script.py', '--scopes=1,2'])
    assert command_line.broadcast_flag(flag_values, 'scopes', 'members', int) == (1, 2)
    flag_values(['script.py', '--scopes='])
    assert command_line.broadcast_flag(flag_values, 'scopes', 'members') == (None, None)
    flag_values(['script.py', '--scopes=1,2,3'])
    with pytest.raises(command_line.UserError, match='3 values and --members has 2'):
        command_line.broadcast_flag(flag_values, 'scopes', 'members')


def test_the_script_named_in_an_error_is_the_running_one(flag_values, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['/somewhere/train.py'])
    assert _run('--unknown=1') == 1
    assert capsys.readouterr().err.startswith('train.py: unknown flag --unknown')
