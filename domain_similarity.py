"""Measures how similar source domains are to target domains, and selects source classes for them.

    python domain_similarity.py --feature_dir=feature/resnet_101_JFT_299 \\
        --source_domains=ImageNet_train,inat_train,ImageNet_train+inat_train \\
        --target_domains=cub_200,flower_102 --output=results.csv

prints and writes the earth mover's distance (EMD) of each pair, and the similarity exp(-gamma EMD):
how well a network pre-trained on the source can be expected to transfer to the target. A + joins
sources. A domain is read from --feature_dir, either as the paper released it
    <domain>.npy                 float [classes, width]   mean feature of each class
    <domain>_weight.npy          [classes]                images of each class
or as feature_extraction.py writes it
    <domain>_feature_train.npy   float [images, width]
    <domain>_label_train.npy     int [images]             labels from 0
All must be features of the same network, whichever. Features of any other model go in as they are:

    python domain_similarity.py --source=clip_inat.npy,inat_labels.npy \\
        --target=clip_cub.npy,cub_labels.npy --min_num_imgs=20

    python domain_similarity.py ... --select=cub_200:400,stanford_dogs:100

takes for each target the source classes that are most similar to it, drops those taken twice, and
writes class lists for prepare_dataset.py --class_list, one for each domain that a source joins:
<select_dir>/<source>/<domain>.txt, with the names that data/<domain>/labels.txt gives the classes.
"""

import os

from absl import flags

from slim import command_line

command_line.group('Where things are')
flags.DEFINE_string('feature_dir', './feature/', 'Folder of the features of one network.')
flags.DEFINE_list('source_domains', [], 'Source domains, some of them joined: A,B,A+B.')
flags.DEFINE_list('target_domains', [], 'Target domains.')
flags.DEFINE_multi_string('source', [], 'A source as features.npy,labels.npy; may be repeated.')
flags.DEFINE_multi_string('target', [], 'A target as features.npy,labels.npy; may be repeated.')

command_line.group('What is measured')
flags.DEFINE_float('gamma', 0.01, 'Of exp(-gamma EMD).', lower_bound=0.0)
flags.DEFINE_integer(
    'min_num_imgs', 200, 'Source classes with fewer images do not count.', lower_bound=0
)
flags.DEFINE_integer(
    'bootstrap', 0, 'Resamples of the classes for a 95% interval; 0 for none.', lower_bound=0
)
flags.DEFINE_integer('seed', 0, 'Of the resampling.', lower_bound=0)
flags.DEFINE_list(
    'source_networks',
    [],
    "source:folder,...: where features of the targets' images by a network pre-trained on that "
    'source lie, as feature_extraction.py writes them. Adds LogME and H-score.',
)

command_line.group('How')
flags.DEFINE_enum('solver', 'pot', ['pot', 'pyemd'], 'Who solves the transport problem.')
flags.DEFINE_integer(
    'max_iterations', 10_000_000, 'After which --solver=pot gives up.', lower_bound=1
)

command_line.group('What becomes of it')
flags.DEFINE_string('output', None, 'Table to write: a name ending in .csv or .json.')
flags.DEFINE_list(
    'select', [], 'Source classes to take for each target: target:k,..., or k for all of them.'
)
flags.DEFINE_string('select_dir', './feature/selected/', 'Folder to write class lists to.')
flags.DEFINE_string('dataset_dir', './data/', 'Folder of datasets, whose labels.txt names classes.')
flags.DEFINE_list(
    'dataset_of',
    [],
    'domain:dataset,... where a source domain is called otherwise than its folder in '
    '--dataset_dir, such as ImageNet_train:ILSVRC2012.',
)


def read_domains(flags, kind):
    """The domains of --source_domains and --source, or of the targets, in that order."""
    from slim.errors import UserError
    from slim.features import domains

    members = {}  # Each file is read once.

    def read(name):
        if name not in members:
            members[name] = domains.read_domain(flags.feature_dir, name)
        return members[name]

    found = []
    for name in getattr(flags, f'{kind}_domains'):
        parts = [read(part.strip()) for part in name.split(domains.MERGE_SEPARATOR)]
        found.append(domains.merge_domains(parts) if len(parts) > 1 else parts[0])
    for text in getattr(flags, kind):
        found.append(domains.read_domain_of_images(*domains.split_pair(text, kind)))
    if not found:
        raise UserError(f'--{kind}_domains or --{kind} is required; see --help')
    names = [domain.name for domain in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f'two {kind} domains are called {name}')
    return found


def pairs_from_flag(flags, name, keys):
    """The values of a flag that is a list of key:value, by key."""
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


def counts_from_flag(flags, targets):
    """How many classes to select for each target, by name; none for those that are not named."""
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


def other_measures(source, target, networks):
    """Columns of the measures that look at the target through a network of the source."""
    from slim.features import domains
    from slim.transfer import measures

    if source.name not in networks:
        return {'logme': '', 'h_score': ''}
    features, labels = domains.read_images(networks[source.name], target.name, 'train')
    case = measures.TransferCase(features=features, labels=labels)
    return {name: measures.measure(name, case) for name in ('logme', 'h_score')}


def measure_all(flags, sources, targets, networks):
    """A row of the table for each pair."""
    from tqdm import tqdm

    from slim.transfer.domain_similarity import measure_similarity

    rows = []
    pairs = [(source, target) for target in targets for source in sources]
    for source, target in tqdm(pairs, unit='pair', leave=False, disable=None):
        found = measure_similarity(
            source,
            target,
            flags.gamma,
            flags.solver,
            flags.max_iterations,
            flags.bootstrap,
            flags.seed,
        )
        row = {
            'target': target.name,
            'source': source.name,
            'target_classes': len(target.labels),
            'source_classes': len(source.labels),
            'emd': found.emd,
            'similarity': found.similarity,
        }
        if found.interval:
            row['low'], row['high'] = found.interval
        if networks:
            row |= other_measures(source, target, networks)
        rows.append(row)
    return rows


def select(flags, sources, targets, counts):
    """The classes of --select, by the name of their source."""
    from slim.transfer.source_selection import select_classes

    chosen = [target for target in targets if target.name in counts]
    numbers = [counts[target.name] for target in chosen]
    return {source.name: select_classes(source, chosen, numbers, flags.gamma) for source in sources}


def write_selected(flags, selected, members, datasets):
    """Writes the class lists, and says so."""
    from slim.datasets import split_lists
    from slim.transfer.source_selection import write_class_lists

    folders = {
        member: os.path.join(flags.dataset_dir, datasets.get(member, member)) for member in members
    }
    names = {member: split_lists.read_labels(folders[member]) for member in members}
    command_line.warn(
        f'{folders[member]} has no labels.txt: labels stand in the class lists of {member}, where '
        'prepare_dataset.py expects names; see --dataset_of'
        for member in members
        if names[member] is None
    )
    for source, classes in selected.items():
        folder = os.path.join(flags.select_dir, source)
        for path, count in write_class_lists(folder, classes, names).items():
            print(f'{path}: {count} classes')


def main(flags):
    from slim import tables
    from slim.errors import UserError
    from slim.features import domains
    from slim.files import check_writable

    if flags.output:
        tables.check_table_path(flags.output, 'output')
    if flags.solver == 'pyemd' and flags['max_iterations'].present:
        raise UserError('--max_iterations is of --solver=pot; pyemd does not let it be chosen')
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
