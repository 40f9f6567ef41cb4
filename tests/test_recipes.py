"""The commands of docs/recipes.md: their flags exist, and they lead from one to the next."""

import re
import shlex

import pytest

DOCUMENTS = ('README.md', 'docs/recipes.md')


def _commands(text):
    """(script, flags) of each `python <script>.py` that a document shows."""
    joined = re.sub(r'\\\n\s*', '', text)
    for line in re.findall(r'^ {4}python (\w+\.py .*)$', joined, re.MULTILINE):
        script, *arguments = shlex.split(line, comments=True)
        yield script, [argument for argument in arguments if argument.startswith('--')]


@pytest.mark.parametrize('document', DOCUMENTS)
def test_every_flag_that_a_document_shows_exists(document, root):
    commands = list(_commands((root / document).read_text()))
    assert len(commands) >= 4
    for script, arguments in commands:
        defined = set(re.findall(r"flags\.DEFINE_\w+\(\s*'(\w+)'", (root / script).read_text()))
        for argument in arguments:
            name = argument.removeprefix('--').split('=')[0]
            assert name in defined, f'{document}: {script} --{name}'


# What makes a command of the paper's size one for a test; a flag's last value counts.
SMALL = ('--dataset_name=photos', '--depth_multiplier=0.25')
TRAIN = ('--batch_size=8', '--max_number_of_steps=2', '--batch_norm_decay=0.5')


def test_the_recipe_runs_from_the_first_stage_to_the_ensemble(root, data_dir, run_script, tmp_path):
    commands = list(_commands((root / 'docs/recipes.md').read_text()))
    trainings = [flags for script, flags in commands if script == 'train.py']
    evaluations = [flags for script, flags in commands if script == 'eval.py']
    data = f'--dataset_dir={data_dir}'

    def folder(flags, name):
        value = next(flag for flag in flags if flag.startswith(f'--{name}=')).split('=')[1]
        folders = [str(tmp_path / path.rsplit('/', 1)[-1]) for path in value.split(',')]
        return f'--{name}={",".join(folders)}'

    def run(script, *arguments):
        result = run_script(script, *arguments, data, *SMALL)
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr

    first, larger, balanced, _ = trainings
    # There is no checkpoint of ImageNet here, so the first stage starts from scratch.
    begun = run(
        'train.py',
        *(flag for flag in first if 'checkpoint_' not in flag),
        folder(first, 'train_dir'),
        *TRAIN,
        '--train_image_size=75',
    )
    assert 'saved' in begun
    for flags, size, cap in ((larger, 107, 8), (balanced, 107, 3)):
        resized = run(
            'train.py',
            *flags,
            folder(flags, 'train_dir'),
            folder(flags, 'checkpoint_path'),
            *TRAIN,
            f'--train_image_size={size}',
            f'--max_images_per_class={cap}',
            '--ignore_missing_vars',  # At 75 pixels there was no auxiliary head.
        )
        assert 'fine-tuning: ' in resized
    _, twelve_crops, together = evaluations
    for flags, size in ((twelve_crops, '107'), (together, '107,75')):
        shown = run(
            'eval.py',
            *flags,
            folder(flags, 'checkpoint_path'),
            folder(flags, 'eval_dir'),
            f'--eval_image_size={size}',
        )
        assert 'step 2: eval/Accuracy[' in shown
        assert 'on 32 images' in shown
