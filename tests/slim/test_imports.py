"""The import graph of the library: no cycles, and packages that do not know each other."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = sorted((ROOT / 'slim').rglob('*.py'))


def _name(path):
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {_name(path): path for path in SOURCES}


def _imports(path):
    """All modules that a file imports, inside functions or not: (module, whether at its top)."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f'{node.module}.{alias.name}' for alias in node.names]
        found |= {(name, node in tree.body) for name in names}
    return found


def _module(name):
    """The module of the library that a name is in, or None."""
    while name and name not in MODULES:
        name = name.rpartition('.')[0]
    return name or None


GRAPH = {
    name: {
        imported for full, _ in _imports(path) if (imported := _module(full)) and imported != name
    }
    for name, path in MODULES.items()
}


def _package(name):
    return '.'.join(name.split('.')[:2])


def test_there_is_no_cycle():
    done, active = set(), []

    def visit(name):
        assert name not in active, ' -> '.join([*active[active.index(name) :], name])
        if name not in done:
            active.append(name)
            # A package imports its own modules, which do not import the package.
            for other in sorted(GRAPH[name]):
                visit(other)
            active.pop()
            done.add(name)

    for name in MODULES:
        visit(name)


@pytest.mark.parametrize(
    'package, forbidden',
    [
        ('slim.datasets', {'slim.synthetic', 'slim.nets', 'slim.learning', 'slim.transfer'}),
        ('slim.synthetic', {'slim.nets', 'slim.learning', 'slim.transfer'}),
        ('slim.nets', {'slim.datasets', 'slim.files', 'slim.learning', 'slim.preprocessing'}),
        ('slim.preprocessing', {'slim.nets', 'slim.learning'}),
        ('slim.features', {'slim.learning', 'slim.transfer', 'slim.plots', 'slim.nets'}),
        ('slim.learning', {'slim.transfer', 'slim.plots', 'slim.synthetic', 'slim.experiments'}),
        ('slim.transfer', {'slim.learning', 'slim.plots', 'slim.nets', 'slim.experiments'}),
        ('slim.plots', {'slim.learning', 'slim.nets', 'slim.experiments'}),
        ('slim.configs', {_package(name) for name in MODULES} - {'slim.configs'}),
    ],
)
def test_packages_do_not_import_what_they_must_not_know(package, forbidden):
    modules = [name for name in MODULES if _package(name) == package]
    assert modules
    for name in modules:
        assert not {_package(other) for other in GRAPH[name]} & forbidden, name


def _reachable(name):
    """Everything that importing a module imports at once: names of modules, ours or not."""
    reached, waiting = set(), [name]
    while waiting:
        for full, at_top in _imports(MODULES[waiting.pop()]):
            if at_top and full not in reached:
                reached.add(full)
                module = _module(full)
                if module and module not in reached:
                    reached.add(module)
                    waiting.append(module)
    return {full.split('.')[0] for full in reached}


@pytest.mark.parametrize(
    'modules, forbidden',
    [
        ('slim.transfer', {'tensorflow', 'tf_slim', 'matplotlib', 'PIL'}),
        ('slim.features', {'tensorflow', 'tf_slim', 'matplotlib', 'PIL'}),
        ('slim.plots', {'tensorflow', 'tf_slim'}),
        ('slim.experiments', {'tensorflow', 'tf_slim'}),
        ('slim.synthetic.registry', {'numpy', 'PIL', 'tensorflow'}),
        ('slim.configs', {'tensorflow', 'numpy', 'absl'}),
        ('slim.command_line', {'tensorflow', 'numpy'}),
    ],
)
def test_light_modules_import_nothing_heavy(modules, forbidden):
    names = [name for name in MODULES if name == modules or name.startswith(modules + '.')]
    assert names
    for name in names:
        assert not _reachable(name) & forbidden, name


def test_transfer_never_imports_tensorflow_or_matplotlib():
    for name, path in MODULES.items():
        if name.startswith('slim.transfer'):
            roots = {full.split('.')[0] for full, _ in _imports(path)}
            assert not roots & {'tensorflow', 'tf_slim', 'matplotlib'}, name
