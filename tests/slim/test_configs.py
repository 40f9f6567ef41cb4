"""Settings: every list of choices names exactly what is implemented."""

import dataclasses
import subprocess
import sys

import pytest

from slim import configs


def _implemented():
    """Returns pairs (list of choices, names of the table that implements them)."""
    from slim.datasets import split_lists
    from slim.learning import optimizers, precision, schedules
    from slim.preprocessing import preprocessing_factory
    from slim.transfer import emd

    return {
        'DECAY_TYPES': schedules.SCHEDULES,
        'OPTIMIZERS': optimizers.OPTIMIZERS,
        'PRECISIONS': precision.PRECISIONS,
        'PREPROCESSING': preprocessing_factory.MODULES,
        'SOLVERS': emd.SOLVERS,
        'SPLITS': split_lists.LIST_NAMES,
    }


@pytest.mark.parametrize(
    'choices', ['DECAY_TYPES', 'OPTIMIZERS', 'PRECISIONS', 'PREPROCESSING', 'SOLVERS', 'SPLITS']
)
def test_choices_are_the_keys_of_the_implementations(choices):
    assert sorted(getattr(configs, choices)) == sorted(_implemented()[choices])


def test_every_settings_class_is_frozen_and_has_defaults_except_for_the_checkpoint_to_export():
    classes = [value for value in vars(configs).values() if dataclasses.is_dataclass(value)]
    assert len(classes) >= 9
    for config in classes:
        required = ['model.ckpt-1'] if config is configs.ExportConfig else []
        instance = config(*required)
        with pytest.raises(dataclasses.FrozenInstanceError):
            instance.seed = 1


def test_an_ensemble_has_a_name_and_a_size_for_each_member():
    config = configs.EvaluationConfig
    assert config(model_name='a', image_size=(299, None)).members == [('a', 299), ('a', None)]
    assert config(model_name=('a', 'b')).members == [('a', None), ('b', None)]


def test_the_settings_do_not_import_numpy_or_tensorflow():
    code = 'import sys, slim.configs; sys.exit(bool({"numpy", "tensorflow"} & set(sys.modules)))'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
