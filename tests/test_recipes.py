"""The recipes and the commands of the documents: valid flags, complete, one leads to the next."""

import functools
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = ('README.md', 'docs/recipes.md')
RECIPES = sorted(path.name for path in (ROOT / 'recipes').iterdir())
FLAG_FILES = [name for name in RECIPES if name.endswith('.flags')]
HYPERPARAMETERS = """
    model_name train_image_size checkpoint_path optimizer batch_size replicas_to_aggregate
    learning_rate learning_rate_decay_type label_smoothing weight_decay batch_norm_decay
    max_number_of_steps seed
"""


def _commands(text, pattern):
    """Returns (script, flags) of each `python <script>.py` of a text on a line like `pattern`."""
    joined = re.sub(r'\\\n\s*', '', text)
    for line in re.findall(pattern + r'python (\w+\.py .*)$', joined, re.MULTILINE):
        script, *arguments = shlex.split(line, comments=True)
        yield script, [argument for argument in arguments if argument.startswith('--')]


def _document_commands(name):
    return list(_commands((ROOT / name).read_text(), r'^ {4}'))


def _recipe_commands(name):
    """Returns the commands of a recipe: those of its comment, and those that a script runs."""
    text = (ROOT / 'recipes' / name).read_text()
    return list(_commands(text, r'^# .* ')) + list(_commands(text, r'^'))


@pytest.fixture(scope='module')
def defined_flags(run_script):
    """Returns `defined_flags(script)`, the names of the flags that its --help lists."""

    @functools.cache
    def names(script):
        shown = run_script(script, '--help').stdout
        return {'flagfile', *re.findall(r'^  --(?:\[no\])?(\w+)', shown, re.MULTILINE)}

    return names


@pytest.mark.parametrize('document', DOCUMENTS)
def test_every_flag_that_a_document_shows_exists(document, defined_flags):
    commands = _document_commands(document)
    assert len(commands) >= 3
    for script, arguments in commands:
        for argument in arguments:
            name = argument.removeprefix('--').split('=')[0]
            assert name in defined_flags(script), f'{document}: {script} --{name}'


@pytest.mark.parametrize('name', RECIPES)
def test_the_commands_of_a_recipe_are_accepted(name, run_script, failure, tmp_path):
    commands = _recipe_commands(name)
    assert commands
    for script, arguments in commands:
        result = run_script(script, *arguments, f'--dataset_dir={tmp_path}', cwd=ROOT)
        # All flags were parsed: the first thing that is missing is the dataset.
        assert re.search(r'(inat2017|cub_200) is missing', failure(result)), arguments


def _flags_of(name):
    lines = (ROOT / 'recipes' / name).read_text().splitlines()
    return dict(line.removeprefix('--').split('=', 1) for line in lines if line.startswith('--'))


@pytest.mark.parametrize('name', RECIPES)
def test_a_recipe_says_what_it_needs_and_what_was_published(name):
    text = (ROOT / 'recipes' / name).read_text().removeprefix('#!/usr/bin/env bash\n')
    header = text.split('\n\n')[0].split('\nset ')[0]
    for part in ('Command:', f'recipes/{name}', 'Needs:', 'Published:'):
        assert part in header
    assert f'recipes/{name}' in (ROOT / 'docs/recipes.md').read_text()


@pytest.mark.parametrize('name', FLAG_FILES)
def test_a_recipe_states_every_hyperparameter(name):
    given = _flags_of(name)
    assert set(HYPERPARAMETERS.split()) <= set(given)
    if given['learning_rate_decay_type'] != 'fixed':
        assert {'learning_rate_decay_factor', 'num_epochs_per_decay'} <= set(given)
    of_optimizer = {
        'momentum': {'momentum'},
        'rmsprop': {'rmsprop_decay', 'rmsprop_momentum', 'opt_epsilon'},
    }
    assert of_optimizer[given['optimizer']] <= set(given)


def test_train_sh_is_the_recipe_for_the_last_layer(run_bash):
    given = _flags_of('cub_200_last_layer.flags')
    output = run_bash('train.sh', env={'PYTHON': 'echo'}).stdout.split()
    of_script = dict(word.removeprefix('--').split('=', 1) for word in output[1:])
    different = {'train_dir', 'num_epochs_per_decay', 'checkpoint_path'}
    for name in set(given) & set(of_script) - different:
        assert of_script[name] == given[name], name
    assert float(of_script['num_epochs_per_decay']) == float(given['num_epochs_per_decay'])


# Flags that make a training of the paper small enough for a test; a flag's last value counts.
SMALL = ('--dataset_name=photos', '--depth_multiplier=0.25')
TRAIN = ('--batch_size=8', '--max_number_of_steps=2', '--batch_norm_decay=0.5')


def test_the_recipe_runs_from_the_first_stage_to_the_ensemble(data_dir, run_script, tmp_path):
    first, larger, balanced, twelve_crops, ensemble = _commands(
        (ROOT / 'recipes/inat2017_12_crops.sh').read_text(), '^'
    )

    def folder(flags, name):
        value = next(flag for flag in flags if flag.startswith(f'--{name}=')).split('=')[1]
        folders = [str(tmp_path / path.rsplit('/', 1)[-1]) for path in value.split(',')]
        return f'--{name}={",".join(folders)}'

    def run(command, *arguments):
        script, flags = command
        result = run_script(
            script, *flags, f'--dataset_dir={data_dir}', *SMALL, *arguments, cwd=ROOT
        )
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr

    def train(command, size, *arguments, checkpoint=True):
        given = _flags_of(command[1][0].rsplit('/', 1)[-1])
        flags = [f'--{name}={value}' for name, value in given.items()]
        start = folder(flags, 'checkpoint_path') if checkpoint else '--checkpoint_path='
        size = f'--train_image_size={size}'
        return run(command, *TRAIN, size, folder(flags, 'train_dir'), start, *arguments)

    # There is no ImageNet checkpoint here, so the first stage starts from scratch.
    assert 'saved' in train(first, 75, checkpoint=False)
    for command, cap in ((larger, 8), (balanced, 3)):
        # At 75 pixels there is no auxiliary head.
        given = (f'--max_images_per_class={cap}', '--ignore_missing_vars')
        assert 'fine-tuning: ' in train(command, 107, *given)
    for command, size in ((twelve_crops, '107'), (ensemble, '107,75')):
        _, flags = command
        output = run(
            command,
            folder(flags, 'checkpoint_path'),
            folder(flags, 'eval_dir'),
            f'--eval_image_size={size}',
        )
        assert 'step 2: eval/Accuracy[' in output
        assert 'on 32 images' in output
