"""The domains that DomainSimilarityDemo.ipynb looks at: the paper's, or those of the miniature.

Those of the miniature come of reproduce_transfer.py: a run of one's own, or the one that docs/
holds. `class_images` has their photographs.
"""

import csv
import json
import os
from dataclasses import dataclass, field

from slim.configs import SimilarityConfig
from slim.errors import UserError
from slim.experiments import published_similarity
from slim.experiments.class_images import ClassImages
from slim.experiments.miniature import CLASS_FEATURES, SETTINGS
from slim.features import domains
from slim.plots.class_grids import PicturedFlow
from slim.transfer import source_selection
from slim.transfer.correlations import CENTRED, best_source_found
from slim.transfer.domain_similarity import Similarity, strongest_flows

SELECT_DIR = 'feature/selected'
MINIATURES = ('feature/transfer', 'docs/transfer')  # A run of one's own goes first.
RESULTS, CORRELATIONS = 'results.csv', 'correlations.csv'


@dataclass(frozen=True)
class FeatureSet:
    """Where class features are, and what is asked of them.

    Attributes:
      feature_dir: folder of the features of one network.
      sources: names of the source domains; what they are when joined is looked at, too.
      targets: names of the target domains.
      min_num_imgs: images of a source class that counts.
      selected: target -> source classes to select for it.
      dataset_of: source -> name of its dataset, where it is another.
      drawn_as: embedded domain -> digest of the pictures that its features were taken from.
    """

    feature_dir: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    min_num_imgs: int = 0
    selected: dict[str, int] = field(default_factory=dict)
    dataset_of: dict[str, str] = field(default_factory=dict)
    drawn_as: dict[str, str] = field(default_factory=dict)


# How many classes to select is an example: more for targets that have more classes.
PAPER = FeatureSet(
    'feature/resnet_101_JFT_299',
    ('ImageNet_train', 'inat_train'),
    tuple(published_similarity.PUBLISHED),
    SimilarityConfig.min_num_imgs,
    {
        'cub_200': 400,
        'stanford_cars': 50,
        'stanford_dogs': 100,
        'aircraft': 50,
        'nabirds': 400,
    },
    {'ImageNet_train': 'ILSVRC2012', 'inat_train': 'inat2017'},
)
MINIATURE_COUNTS = 8, 4, 6


def find_place(root: str = '.') -> FeatureSet:
    """The paper's class features where all of them are there, else those of the miniature.

    Args:
      root: of the repository.

    Raises:
      UserError: if there are none.
    """
    folder = os.path.join(root, PAPER.feature_dir)
    if all(_domain_paths(folder, name) for name in (*PAPER.sources, *PAPER.targets)):
        return PAPER
    results_dir = find_results(root)
    with open(os.path.join(root, results_dir, SETTINGS), encoding='utf-8') as file:
        settings = json.load(file)
    targets = tuple(settings['targets'])
    return FeatureSet(
        f'{results_dir}/{CLASS_FEATURES}',
        tuple(settings['sources']),
        targets,
        selected=dict(zip(targets[::3], MINIATURE_COUNTS, strict=False)),
        drawn_as=settings['domains'],
    )


def find_results(root: str = '.') -> str:
    """The folder of what reproduce_transfer.py came to: a run of one's own, or that of docs/.

    Args:
      root: of the repository.

    Returns:
      The folder, below `root`.

    Raises:
      UserError: if there is none.
    """
    for folder in MINIATURES:
        wanted = (SETTINGS, CLASS_FEATURES, RESULTS, CORRELATIONS)
        if all(os.path.exists(os.path.join(root, folder, name)) for name in wanted):
            return folder
    raise UserError(f'{" and ".join(MINIATURES)} hold no results; python reproduce_transfer.py')


def _domain_paths(folder, name):
    """The files of a domain's class features; where the release left these to its notebook, of its
    images' features. None if there are neither."""
    ends = (('.npy', domains.WEIGHT), ('_feature.npy', '_label.npy'))
    for pair in ends:
        paths = [os.path.join(folder, name + end) for end in pair]
        if all(map(os.path.exists, paths)):
            return paths
    return None


def read_domains(place: FeatureSet, root: str = '.'):
    """Reads the domains.

    Args:
      place: where they are.
      root: of the repository.

    Returns:
      (source `Domain`s, of which the last is all joined if there are several; target `Domain`s).

    Raises:
      UserError: if one is missing, or cannot be what it should be.
      OSError: if one cannot be read.
    """
    folder = os.path.join(root, place.feature_dir)
    sources = [_read(folder, name) for name in place.sources]
    if len(sources) > 1:
        sources.append(domains.join(sources))
    targets = [domains.keep_classes(_read(folder, name)) for name in place.targets]
    domains.check_same_width([*sources, *targets])
    return [domains.keep_classes(source, place.min_num_imgs) for source in sources], targets


def _read(folder, name):
    paths = _domain_paths(folder, name)
    if paths and paths[0].endswith('_feature.npy'):
        return domains.read_domain_of_images(*paths)
    return domains.read_domain(folder, name)


def describe(sources, targets) -> list[dict]:
    """A row for each domain: domain, role, classes, images."""
    return [
        {
            'domain': domain.name,
            'role': role,
            'classes': len(domain.labels),
            'images': int(domain.num_images.sum()),
        }
        for role, of_role in (('source', sources), ('target', targets))
        for domain in of_role
    ]


def compare_with_published(place: FeatureSet, found: list[Similarity]) -> list[dict]:
    """As `published_similarity.compare`, for the paper's features; no rows for others."""
    is_paper = os.path.normpath(place.feature_dir) == PAPER.feature_dir
    return published_similarity.compare(found) if is_paper else []


def similarity_rows(found: list[Similarity]) -> list[dict]:
    """A row for each pair: target, source, emd, similarity."""
    return [
        {
            'target': one.target,
            'source': one.source,
            'emd': one.emd,
            'similarity': one.similarity,
        }
        for one in found
    ]


def similarity_maps(found: list[Similarity]):
    """Heat maps of the similarities that were measured and of those that were published.

    Args:
      found: a `Similarity` for each pair, of all sources and targets.

    Returns:
      Two `HeatMap`s, the EMD in brackets.
    """
    published = [
        Similarity(source, target, *known, flow=None)
        for target, of_target in published_similarity.PUBLISHED.items()
        for source, known in of_target.items()
    ]
    return [
        _similarity_map('similarity here (EMD)', found),
        _similarity_map('published in 2018 (EMD)', published),
    ]


def _similarity_map(title, found):
    import numpy as np

    from slim.plots.heat_maps import HeatMap

    of_pair = {(one.target, one.source): one for one in found}
    targets, sources = (list(dict.fromkeys(names)) for names in zip(*of_pair, strict=True))
    rows = [[of_pair[target, source] for source in sources] for target in targets]
    return HeatMap(
        title,
        np.array([[one.similarity for one in row] for row in rows]),
        [[f'{one.similarity:.3f} ({one.emd:.1f})' for one in row] for row in rows],
        targets,
        sources,
    )


@dataclass(frozen=True)
class ClassFlow:
    """Weight that moves from a source class to a target class.

    Attributes:
      target: name of the target domain.
      source: (domain, label) of the source class.
      label: of the target class.
      share: of all weight.
      distance: between the two classes.
    """

    target: str
    source: tuple[str, int]
    label: int
    share: float
    distance: float


def class_flows(found: Similarity, source, target, distances, count: int) -> list[ClassFlow]:
    """The strongest flow into each of some target classes, the strongest first.

    Of flows that are equal the shortest counts.

    Args:
      found: the `Similarity` of the two.
      source: a `Domain`, as it was measured.
      target: likewise.
      distances: float [source classes, target classes].
      count: of target classes.
    """
    into = {}
    for i, j, share in strongest_flows(found, found.flow.size, distances):
        into.setdefault(j, (i, share))
    return [
        ClassFlow(
            target.name,
            (source.members[i], int(source.labels[i])),
            int(target.labels[j]),
            share,
            float(distances[i, j]),
        )
        for j, (i, share) in list(into.items())[:count]
    ]


def flow_rows(flows: list[ClassFlow], images: dict[str, ClassImages]) -> list[dict]:
    """A row for each flow: target, target_class, source, source_class, share, distance."""
    return [
        {
            'target': one.target,
            'target_class': images[one.target].name(one.label),
            'source': one.source[0],
            'source_class': images[one.source[0]].name(one.source[1]),
            'share': f'{one.share:.2%}',
            'distance': one.distance,
        }
        for one in flows
    ]


def pictured_flows(flows: list[ClassFlow], images: dict[str, ClassImages]):
    """The flows as `class_pictures.draw_flows` takes them, a row for each target."""
    rows = {}
    for one in flows:
        member, label = one.source
        if images[member].has_pictures and images[one.target].has_pictures:
            pictured = PicturedFlow(
                images[member].picture(label),
                images[one.target].picture(one.label),
                f'{one.share:.2%}',
            )
            rows.setdefault(one.target, []).append(pictured)
    return list(rows.items())


def select(place: FeatureSet, source, targets):
    """Selects as many source classes for each target as `place` says, in the order of targets.

    Args:
      place: says how many.
      source: a `Domain`.
      targets: a `Domain` each.

    Returns:
      A list of `SelectedClass`.
    """
    wanted = [target for target in targets if target.name in place.selected]
    counts = [place.selected[target.name] for target in wanted]
    return source_selection.select_classes(source, wanted, counts)


def selected_strips(place: FeatureSet, source, targets, images: dict[str, ClassImages], count: int):
    """The classes that each target wants, whether or not others want them too.

    Args:
      place: says how many are selected.
      source: a `Domain`.
      targets: a `Domain` each.
      images: of `class_images.find_images`.
      count: of classes to show at most, the nearest first.

    Returns:
      Rows for `class_pictures.draw_strips`.
    """
    strips = []
    for target in targets:
        wanted = select(place, source, [target])[:count]
        strip = [
            images[one.member].picture(one.label)
            for one in wanted
            if images[one.member].has_pictures
        ]
        if strip:
            strips.append((f'for\n{target.name}', strip))
    return strips


def select_command(place: FeatureSet) -> str:
    """The command that writes the class lists of `select`."""
    counts = ','.join(
        f'{name}:{place.selected[name]}' for name in place.targets if name in place.selected
    )
    flags = [
        f'--feature_dir={place.feature_dir}',
        f'--source_domains={domains.JOINT.join(place.sources)}',
        f'--target_domains={",".join(place.targets)}',
        f'--min_num_imgs={place.min_num_imgs}',
        f'--select={counts}',
    ]
    if place.dataset_of:
        pairs = ','.join(f'{name}:{dataset}' for name, dataset in place.dataset_of.items())
        flags.append(f'--dataset_of={pairs}')
    return ' '.join(['python domain_similarity.py', *flags])


def describe_lists(place: FeatureSet, selected, images: dict[str, ClassImages]) -> list[str]:
    """A line for each class list that `select_command` writes: its path, its first classes."""
    folder = os.path.join(SELECT_DIR, domains.JOINT.join(place.sources))
    names = {name: images[name].names for name in place.sources}
    return [
        f'{os.path.join(folder, member)}.txt: {len(lines)} classes, '
        f'{", ".join(lines[:4])}{", ..." if len(lines) > 4 else ""}'
        for member, lines in source_selection.class_lists(selected, names).items()
    ]


def read_results(folder: str, name: str = RESULTS) -> list[dict]:
    """Reads a table of reproduce_transfer.py.

    Args:
      folder: of its results.
      name: of the table, `RESULTS` or `CORRELATIONS`.

    Returns:
      Rows, their numbers as float.

    Raises:
      UserError: if a number is none.
      OSError: if it cannot be read.
    """
    words = ('target', 'source', 'measure', 'over')
    path = os.path.join(folder, name)
    with open(path, newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    try:
        return [
            {key: value if key in words else _number(value) for key, value in row.items()}
            for row in rows
        ]
    except (ValueError, TypeError) as error:
        raise UserError(f'{path}: {error}; expected a number') from error


def _number(text):
    return int(text) if text.isdigit() else float(text)


def correlation_table(correlations: list[dict], coefficient: str = 'pearson') -> list[dict]:
    """A coefficient of each measure beside those of the others.

    Args:
      correlations: of correlations.csv.
      coefficient: its column.

    Returns:
      Rows with over, points and a column for each measure.
    """
    rows = {}
    for row in correlations:
        first = {'over': row['over'], 'points': row['points']}
        rows.setdefault(row['over'], first)[row['measure']] = row[coefficient]
    return list(rows.values())


def summarize_prediction(rows: list[dict], correlations: list[dict]) -> str:
    """Whether the similarity foretells which source transfers best, in words.

    It does so if, of the sources that are not joined ones, it names the best for more targets than
    one would by chance, but for 1 case in 20. A joined source is looked at apart: similarity lies
    between those of its parts, as all its weight must go somewhere, whatever a network learns.

    Args:
      rows: of results.csv.
      correlations: of correlations.csv.
    """
    from scipy import stats

    single = [row for row in rows if domains.JOINT not in row['source']]
    hits, num_single = best_source_found(single, 'similarity'), len({r['source'] for r in single})
    num_targets, found = len(hits), int(sum(hits.values()))
    with_joined = int(sum(best_source_found(rows, 'similarity').values()))
    by_chance = float(stats.binom.sf(found - 1, num_targets, 1 / num_single))
    (centred,) = (
        row['pearson']
        for row in correlations
        if (row['measure'], row['over']) == ('similarity', CENTRED)
    )
    foretells = by_chance < 0.05 and centred > 0
    joined = f', and with the joined one for {with_joined}' if len(rows) > len(single) else ''
    return (
        f'The most similar of {num_single} sources is the best one for {found} of '
        f'{num_targets} targets (guessing would do as well in {by_chance:.2%} of cases)'
        f'{joined}. What a source adds to a target goes with its similarity by r = {centred:.2f}. '
        f'Here similarity {"foretells" if foretells else "does not foretell"} which source '
        'transfers.'
    )
