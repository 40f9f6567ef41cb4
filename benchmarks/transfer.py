"""Measures what is asked of features: domain similarity, logistic regression, neighbours.

    python -m benchmarks.transfer --output=results.json

at the paper's sizes, on synthetic features (synthetic_features.py says how they are made), in turn,
round after round, each time in a process of its own. benchmarks/README.md says what each line
means. It takes some four minutes on 2 cores; --scale=0.05 is for a trial.
"""

import importlib.metadata
import logging
import statistics

from absl import flags

from benchmarks import measuring, report
from slim import command_line

# What is measured
flags.DEFINE_float(
    'scale', 1.0, "Share of the paper's classes and images.", lower_bound=0.001, upper_bound=1.0
)
flags.DEFINE_integer('width', 2048, 'Of a feature.', lower_bound=2)
flags.DEFINE_string('only', '', 'Measures only the lines that have this in their name.')

# How long, and what becomes of it
flags.DEFINE_integer('repeats', 2, 'Rounds, of which the medians are shown.', lower_bound=1)
flags.DEFINE_string('output', None, 'JSON file to write the figures to.')

log = logging.getLogger('slim')

LIBRARIES = ('numpy', 'scipy', 'POT', 'pyemd', 'scikit-learn')


def describe_machine():
    """What the figures depend on besides the code: dictionary of strings and counts."""
    versions = {library: importlib.metadata.version(library) for library in LIBRARIES}
    return {**report.describe_cpu(), **versions}


def summarize(row, measured):
    """The figures of a row as a dictionary."""
    own = measured[row.key]
    figures = {
        'name': row.name,
        'seconds': statistics.median(one.seconds for one in own),
        'least': min(one.seconds for one in own),
        'most': max(one.seconds for one in own),
        'cpu_seconds': statistics.median(one.cpu_seconds for one in own),
        'peak_mib': statistics.median(one.peak_bytes for one in own) / 2**20,
        'result': own[0].result,
    }
    if row.baseline is not None and (row.baseline, None) in measured:
        by_clock, by_cpu = measuring.ratios(measured[row.baseline, None], own)
        figures |= {
            'baseline': row.baseline,
            'times_baseline': by_clock,
            'times_baseline_by_cpu': by_cpu,
        }
    return figures


def format_table(summaries):
    """The table for people. In brackets: by CPU time, see `measuring.ratios`."""
    columns = ['', 'seconds', 'range', 'CPU s', 'peak MiB', 'computed', 'compared']
    lines = []
    for figures in summaries:
        cells = {
            '': figures['name'],
            'seconds': f'{figures["seconds"]:.2f}',
            'range': f'{figures["least"]:.2f}-{figures["most"]:.2f}',
            'CPU s': f'{figures["cpu_seconds"]:.2f}',
            'peak MiB': f'{figures["peak_mib"]:.0f}',
            'computed': ', '.join(
                f'{name} {value:.6g}' for name, value in figures['result'].items()
            ),
        }
        if 'baseline' in figures:
            cells['compared'] = (
                f'{figures["times_baseline"]:.2f} x ({figures["times_baseline_by_cpu"]:.2f}) '
                f'the time of {figures["baseline"]}'
            )
        lines.append(cells)
    return report.align(columns, lines)


def main(flags):
    from benchmarks import transfer_rows
    from slim.errors import UserError

    report.check_output(flags.output)
    sizes = transfer_rows.Sizes(flags.scale, flags.width)
    machine = describe_machine()
    has_cpp = int(machine['pyemd'].split('.')[0]) < 2
    rows = [row for row in transfer_rows.create_rows(sizes, has_cpp) if flags.only in row.name]
    if not rows:
        raise UserError(f'--only={flags.only}: no line has that in its name')
    measured = measuring.measure_rows(rows, flags.repeats)
    summaries = [summarize(row, measured) for row in rows]
    print(format_table(summaries))
    print(', '.join(f'{name} {value}' for name, value in machine.items()))
    report.write_results(flags, machine, summaries)


if __name__ == '__main__':
    command_line.run(main, __doc__)
