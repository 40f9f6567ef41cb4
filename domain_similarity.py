"""Measures how similar source domains are to target domains, and selects source classes for them.

    python domain_similarity.py --feature_dir=feature/resnet_101_JFT_299 \\
        --source_domains=ImageNet_train,inat_train,ImageNet_train+inat_train \\
        --target_domains=cub_200,flower_102 --output=results.csv

prints and writes the earth mover's distance (EMD) of each pair, and the similarity
exp(-gamma * EMD), which predicts how well a network pre-trained on the source transfers to the
target. A + merges sources. A domain is read from --feature_dir, either as the paper released it
    <domain>.npy                 float [classes, feature_dim]   class means
    <domain>_weight.npy          [classes]                      number of images of each class
or as feature_extraction.py writes it
    <domain>_feature_train.npy   float [images, feature_dim]
    <domain>_label_train.npy     int [images]                   labels from 0
All features must come from the same network. Features of any other model are read by

    python domain_similarity.py --source=clip_inat.npy,inat_labels.npy \\
        --target=clip_cub.npy,cub_labels.npy --min_num_imgs=20

    python domain_similarity.py ... --select=cub_200:400,stanford_dogs:100

selects, for each target, the source classes that are most similar to it, without duplicates, and
writes class lists for prepare_dataset.py --class_list, one for each domain of a merged source:
<select_dir>/<source>/<domain>.txt, with the class names in data/<domain>/labels.txt.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from slim import command_line
from slim.configs import DATASET_DIR, FEATURE_DIR, SimilarityConfig

if TYPE_CHECKING:
    from slim.features.domains import Domain
    from slim.transfer.source_selection import SelectedClass

command_line.group('Domains')
flags.DEFINE_string('feature_dir', FEATURE_DIR, 'Folder of features by one network.')
flags.DEFINE_list('source_domains', [], 'Source domains; A+B merges A and B: A,B,A+B.')
flags.DEFINE_list('target_domains', [], 'Target domains.')
flags.DEFINE_multi_string('source', [], 'A source as features.npy,labels.npy; may be repeated.')
flags.DEFINE_multi_string('target', [], 'A target as features.npy,labels.npy; may be repeated.')

command_line.group('Similarity')
command_line.define(
    SimilarityConfig, 'gamma', 'Factor gamma in exp(-gamma * EMD).', lower_bound=0.0
)
command_line.define(
    SimilarityConfig,
    'min_num_imgs',
    'Smallest number of images of a source class; classes with fewer are ignored.',
    lower_bound=0,
)
command_line.define(
    SimilarityConfig,
    'bootstrap',
    'Number of resamples of the classes for a 95% confidence interval; 0: none.',
    lower_bound=0,
)
command_line.define(SimilarityConfig, 'seed', 'Random seed of the resampling.', lower_bound=0)
flags.DEFINE_list(
    'source_networks',
    [],
    "source:folder,...: folders of features of the targets' images by a network pre-trained on "
    'that source, as feature_extraction.py writes them. Adds LogME and H-score.',
)

command_line.group('Solver')
command_line.define(
    SimilarityConfig,
    'solver',
    "Solver of the transport problem: POT's network simplex, or the C++ solver of the original "
    'code as a cross-check, which is accurate to about 2e-5 and takes minutes for large domains.',
)
command_line.define(
    SimilarityConfig,
    'max_iterations',
    'Number of iterations after which --solver=pot gives up.',
    lower_bound=1,
)

command_line.group('Results')
flags.DEFINE_string('output', None, 'File for the table; its name ends in .csv or .json.')
flags.DEFINE_list(
    'select',
    [],
    'Number of source classes to select for each target: target:k,..., or k for all targets.',
)
flags.DEFINE_string('select_dir', os.path.join(FEATURE_DIR, 'selected/'), 'Folder for class lists.')
flags.DEFINE_string(
    'dataset_dir', DATASET_DIR, 'Folder of datasets, for the class names in labels.txt.'
)
flags.DEFINE_list(
    'dataset_of',
    [],
    'domain:dataset,... for source domains whose folder in --dataset_dir has another name, such as '
    'ImageNet_train:ILSVRC2012.',
)


def read_domains(flags: flags.FlagValues, kind: str) -> list['Domain']:
    """Reads the domains of --source_domains and --source, or those of the targets (`kind`)."""
    from slim.errors import UserError
    from slim.features import domains

    members: dict[str, Domain] = {}  # Each file is read once.

    def read(name: str) -> 'Domain':
        if name not in members:
            members[name] = domains.read_domain(flags.feature_dir, name)
        return members[name]

    result = []
    for name in getattr(flags, f'{kind}_domains'):
        parts = [read(part.strip()) for part in name.split(domains.MERGE_SEPARATOR)]
        result.append(domains.merge_domains(parts) if len(parts) > 1 else parts[0])
    for text in getattr(flags, kind):
        result.append(domains.read_domain_of_images(*domains.split_pair(text, kind)))
    if not result:
        raise UserError(f'--{kind}_domains or --{kind} is required; see --help')
    names = [domain.name for domain in result]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f'two {kind} domains are called {name}')
    return result


def pairs_from_flag(flags: flags.FlagValues, name: str, keys: Sequence[str]) -> dict[str, str]:
    """Returns key -> value for a flag that is a list of key:value."""
    from slim.errors import UserError, nearest

    pairs = {}
    for text in getattr(flags, name):
        key, separator, value = text.partition(':')
        if not separator or not value:
            raise UserError(f'--{name}={text}: expected name:value')
        if key not in keys:
            raise UserError(f'--{name}: there is no {key}{nearest(key, keys)}')
        pairs[key] = value
    return pairs


def counts_from_flag(flags: flags.FlagValues, targets: Sequence['Domain']) -> dict[str, int]:
    """Returns target name -> number of classes to select, for the targets in --select."""
    from slim.errors import UserError

    names = [target.name for target in targets]
    if len(flags.select) == 1 and ':' not in flags.select[0]:
        counts = dict.fromkeys(names, flags.select[0])
    else:
        counts = pairs_from_flag(flags, 'select', names)
    for count in counts.values():
        if not (count.isascii() and count.isdigit()):
            raise UserError(f'--select: {count} is not a number of classes')
    return {name: int(count) for name, count in counts.items()}


def other_measures(
    source: 'Domain', target: 'Domain', networks: dict[str, str]
) -> dict[str, float | str]:
    """Returns LogME and H-score of the target's features by a network of the source, by name."""
    from slim.features import domains
    from slim.transfer import measures

    if source.name not in networks:
        return dict.fromkeys(measures.MEASURES, '')
    images = domains.read_images(networks[source.name], target.name, 'train')
    return {name: measure(*images) for name, measure in measures.MEASURES.items()}


def measure_all(
    flags: flags.FlagValues,
    sources: Sequence['Domain'],
    targets: Sequence['Domain'],
    networks: dict[str, str],
) -> list[dict[str, Any]]:
    """Returns the rows of the table, one for each pair of source and target."""
    from tqdm import tqdm

    from slim.transfer.domain_similarity import measure_similarity

    config = command_line.fields_from_flags(SimilarityConfig, flags)
    rows = []
    pairs = [(source, target) for target in targets for source in sources]
    for source, target in tqdm(pairs, unit='pair', leave=False, disable=None):
        similarity = measure_similarity(source, target, config)
        row = {
            'target': target.name,
            'source': source.name,
            'target_classes': len(target.labels),
            'source_classes': len(source.labels),
            'emd': similarity.emd,
            'similarity': similarity.similarity,
        }
        if similarity.interval:
            row['low'], row['high'] = similarity.interval
        if networks:
            row |= other_measures(source, target, networks)
        rows.append(row)
    return rows


def select(
    flags: flags.FlagValues,
    sources: Sequence['Domain'],
    targets: Sequence['Domain'],
    counts: dict[str, int],
) -> dict[str, list['SelectedClass']]:
    """Returns source name -> classes selected by --select."""
    from slim.transfer.source_selection import select_classes

    chosen = [target for target in targets if target.name in counts]
    numbers = [counts[target.name] for target in chosen]
    return {source.name: select_classes(source, chosen, numbers, flags.gamma) for source in sources}


def write_selected(
    flags: flags.FlagValues,
    selected: dict[str, list['SelectedClass']],
    members: Sequence[str],
    datasets: dict[str, str],
) -> None:
    """Writes the class lists of each source to `<select_dir>/<source>/<domain>.txt`."""
    from slim.datasets import split_lists
    from slim.files import write_text
    from slim.transfer.source_selection import class_lists

    folders = {
        member: os.path.join(flags.dataset_dir, datasets.get(member, member)) for member in members
    }
    names = {member: split_lists.read_labels(folders[member]) for member in members}
    command_line.warn(
        f'{folders[member]} has no labels.txt: the class lists of {member} hold labels, where '
        'prepare_dataset.py expects names; see --dataset_of'
        for member in members
        if names[member] is None
    )
    for source, classes in selected.items():
        folder = os.path.join(flags.select_dir, source)
        for member, lines in class_lists(classes, names).items():
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, f'{member}.txt')
            write_text(path, ''.join(f'{line}\n' for line in lines))
            print(f'{path}: {len(lines)} classes')


def main(flags: flags.FlagValues) -> None:
    from slim import tables
    from slim.errors import UserError
    from slim.features import domains
    from slim.files import check_writable

    if flags.output:
        tables.check_table_path(flags.output, 'output')
    if flags.solver == 'pyemd' and flags['max_iterations'].present:
        raise UserError('--max_iterations applies to --solver=pot only; omit it for pyemd')
    sources, targets = (read_domains(flags, kind) for kind in ('source', 'target'))
    domains.check_same_dimension([*sources, *targets])
    sources = [domains.keep_classes(source, flags.min_num_imgs) for source in sources]
    targets = [domains.keep_classes(target) for target in targets]
    networks = pairs_from_flag(flags, 'source_networks', [source.name for source in sources])
    counts = counts_from_flag(flags, targets)
    members = sorted({member for source in sources for member in source.members})
    datasets = pairs_from_flag(flags, 'dataset_of', members)
    if counts:
        check_writable(flags.select_dir)
        selected = select(flags, sources, targets, counts)
    rows = measure_all(flags, sources, targets, networks)
    print(tables.format_table(rows))
    if flags.output:
        tables.write_table(flags.output, rows, command_line.own_flags(flags))
    if counts:
        write_selected(flags, selected, members, datasets)


if __name__ == '__main__':
    command_line.run(main, __doc__)
