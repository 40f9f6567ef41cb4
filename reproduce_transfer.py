"""Reproduces the paper's claim in miniature, without a download: some 11 minutes on 2 cores.

    python reproduce_transfer.py

The nearer a source domain is to a target, the better a network that was pre-trained on the source
transfers to the target (paper, section 4 and Fig. 5). This
  1. draws two sources (mini_nature: birds, flowers, butterflies; mini_objects: cars, aircraft,
     pots), their union, and seven targets of one family each; no target shares a class with them
  2. pre-trains a quarter-width Inception-V3 on each source and on the union, side by side
  3. extracts features of every target by each of the three networks
  4. measures similarity of each source and target, on class features by the union's network, and
     LogME and H-score beside it
  5. fits a linear classifier to each target's features: how well did the source transfer?
  6. correlates these
and writes to --output_dir
    results.csv        target, source, emd, similarity, accuracy, its standard error, logme, h_score
    correlations.csv   of similarity, LogME and H-score with accuracy
    miniature.png       similarity against accuracy
    class_features/    <domain>.npy, <domain>_weight.npy, as domain_similarity.py reads them
    settings.json      what all of it was made with
docs/transfer holds what came of --output_dir=docs/transfer.

The same command goes on where a run was stopped. One seed gives the same numbers every time on one
machine, and about the same on others.
"""

from absl import flags

from slim import command_line, configs

command_line.group('What is done')
flags.DEFINE_integer(
    'seed', 0, 'Of initial weights, data order, augmentation and dropout.', lower_bound=0
)
flags.DEFINE_integer(
    'num_steps', 1500, 'Updates on each source; twice as many on both.', lower_bound=1
)
flags.DEFINE_enum(
    'precision', 'float32', ['float32', 'bfloat16', 'float16'], 'What the layers compute in.'
)

command_line.group('Where things are')
flags.DEFINE_string('dataset_dir', './data/', 'Folder that holds the datasets.')
flags.DEFINE_string('checkpoint_dir', './checkpoints/transfer/', 'Folder of the networks.')
flags.DEFINE_string('feature_dir', './feature/transfer/', 'Folder of the features.')
flags.DEFINE_string('output_dir', './feature/transfer/', 'Folder of what comes out.')


def main(flags):
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
        command_line.warn(['stopped; the same command goes on from here'])
        raise
    print(tables.format_table(rows), tables.format_table(correlations), sep='\n\n')
    print(f'\nresults.csv, correlations.csv, miniature.png, class_features: {flags.output_dir}')


if __name__ == '__main__':
    command_line.run(main, __doc__)
