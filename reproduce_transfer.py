"""Reproduces the paper's claim in miniature, without a download, in about 11 minutes on 2 cores.

    python reproduce_transfer.py

The more similar a source domain is to a target, the better a network that was pre-trained on the
source transfers to the target (paper, section 4 and Fig. 5). The script
  1. renders two sources (mini_nature: birds, flowers, butterflies; mini_objects: cars, aircraft,
     pots), their union, and seven targets of one family each; no target shares a class with them
  2. pre-trains a quarter-width Inception-V3 on each source and on the union, in parallel
  3. extracts features of every target with each of the three networks
  4. measures the similarity of each source and target on class features by the union's network,
     and LogME and H-score for comparison
  5. fits a linear classifier to each target's features, to measure how well the source transfers
  6. correlates these measures with the accuracy
and writes to --output_dir
    results.csv        target, source, emd, similarity, accuracy, its standard error, logme, h_score
    correlations.csv   correlations of similarity, LogME and H-score with accuracy
    transfer.png       accuracy against similarity
    class_features/    <domain>.npy, <domain>_weight.npy, as domain_similarity.py reads them
    settings.json      all settings and the versions of the libraries
docs/transfer holds the results of --output_dir=docs/transfer.

The same command resumes an interrupted run. On one machine, one seed gives the same numbers in
every run; on other machines, about the same.
"""

from absl import flags

from slim import command_line, configs

command_line.group('Experiment')
command_line.define(
    configs.MiniatureConfig,
    'seed',
    'Random seed for initial weights, data order, augmentation and dropout.',
    lower_bound=0,
)
command_line.define(
    configs.MiniatureConfig,
    'num_steps',
    'Training steps on each source; the union takes twice as many.',
    lower_bound=1,
)
command_line.define(configs.MiniatureConfig, 'precision', 'Type that the layers compute in.')

command_line.group('Folders')
flags.DEFINE_string('dataset_dir', configs.DATASET_DIR, 'Folder of the datasets.')
flags.DEFINE_string(
    'checkpoint_dir', f'{configs.CHECKPOINT_DIR}transfer/', 'Folder of the trained networks.'
)
flags.DEFINE_string('feature_dir', f'{configs.FEATURE_DIR}transfer/', 'Folder of the features.')
flags.DEFINE_string('output_dir', f'{configs.FEATURE_DIR}transfer/', 'Folder of the results.')


def main(flags: flags.FlagValues) -> None:
    from slim import tables
    from slim.experiments import miniature

    command_line.end_on_sigterm()
    settings = configs.MiniatureConfig(
        seed=flags.seed, num_steps=flags.num_steps, precision=flags.precision
    )
    folders = command_line.fields_from_flags(miniature.Folders, flags)
    try:
        rows, correlations = miniature.run(settings, folders)
    except KeyboardInterrupt:
        command_line.warn(['interrupted; run the same command again to resume'])
        raise
    print(tables.format_table(rows), tables.format_table(correlations), sep='\n\n')
    print(f'\nresults.csv, correlations.csv, transfer.png, class_features: {flags.output_dir}')


if __name__ == '__main__':
    command_line.run(main, __doc__)
