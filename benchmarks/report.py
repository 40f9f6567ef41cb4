"""From measurements to figures, and from figures to a table and a JSON file."""

import json
import os
import statistics

from benchmarks.measuring import median_rate, ratios
from slim import command_line, files
from slim.datasets import workers
from slim.errors import UserError

LEFT_ALIGNED = ('', 'precision', 'compared')


def summarize(row, measured, yardstick):
    """The figures of a row as a dictionary.

    Args:
      row: a `Row`.
      measured: lists of `Measured` by key, as of `measure_rows`.
      yardstick: name of the row whose FLOP/s are 100%, in the precision of `row`.
    """
    own = measured[row.key]
    figures = {'name': row.name}
    if row.precision is not None:
        figures['precision'] = row.precision
    if row.name != yardstick:
        rates = [one.rate for one in own]
        figures |= {
            'images_per_second': median_rate(own),
            'least': min(rates),
            'most': max(rates),
            'cpu_ms_per_image': statistics.median(
                1e3 * one.cpu_seconds / one.amount for one in own
            ),
        }
    figures['cores_busy'] = statistics.median(one.cpu_seconds / one.seconds for one in own)
    if row.flops is not None:
        figures['gflops_per_second'] = row.flops * median_rate(own) / 1e9
        by_clock, by_cpu = ratios(own, measured[yardstick, row.precision])
        figures['of_matrix_product'] = row.flops * by_clock
        figures['of_matrix_product_by_cpu'] = row.flops * by_cpu
    in_float32 = measured.get((row.name, 'float32'))
    if row.precision not in (None, 'float32') and in_float32 is not None:
        figures['of_float32'], figures['of_float32_by_cpu'] = ratios(own, in_float32)
    if row.baseline is not None:
        key = _baseline_key(row, measured)
        by_clock, by_cpu = ratios(own, measured[key])
        figures |= {
            'baseline': row.baseline,
            'baseline_precision': key[1],
            'of_baseline': by_clock,
            'of_baseline_by_cpu': by_cpu,
        }
    if own[0].waited is not None:
        figures['waited'] = statistics.median(one.waited / one.seconds for one in own)
    return figures


def _baseline_key(row, measured):
    """Key of the row that this one is compared with.

    It is of the same precision. Input has none, and has to keep up with the fastest.
    """
    if row.precision is not None:
        return row.baseline, row.precision
    keys = [key for key in measured if key[0] == row.baseline]
    return max(keys, key=lambda key: median_rate(measured[key]))


def rate_cells(figures):
    """The cells, by column, of what every table tells. In brackets: by CPU time, see `ratios`."""
    cells = {'': figures['name'], 'precision': figures.get('precision', '')}
    if 'images_per_second' in figures:
        cells['images/s'] = f'{figures["images_per_second"]:.1f}'
        cells['range'] = f'{figures["least"]:.1f}-{figures["most"]:.1f}'
        cells['CPU ms'] = f'{figures["cpu_ms_per_image"]:.2f}'
    cells['cores'] = f'{figures["cores_busy"]:.2f}'
    if 'of_matrix_product' in figures:
        cells['GFLOP/s'] = f'{figures["gflops_per_second"]:.1f}'
        cells['of product'] = (
            f'{figures["of_matrix_product"]:.1%} ({figures["of_matrix_product_by_cpu"]:.1%})'
        )
    if 'of_float32' in figures:
        cells['of float32'] = f'{figures["of_float32"]:.2f} x ({figures["of_float32_by_cpu"]:.2f})'
    return cells


def format_table(summaries):
    """The table of `benchmarks.throughput` for people."""
    columns = ['', 'precision', 'images/s', 'range', 'CPU ms', 'cores', 'GFLOP/s', 'of product']
    columns += ['of float32', 'waited', 'compared']
    lines = []
    for figures in summaries:
        cells = rate_cells(figures)
        if 'waited' in figures:
            cells['waited'] = f'{figures["waited"]:.1%}'
        if 'baseline' in figures:
            ratio = figures['of_baseline']
            by_cpu = figures['of_baseline_by_cpu']
            shown = f'{ratio:.1%} ({by_cpu:.1%}) of' if ratio < 2 else f'{ratio:.1f} x'
            cells['compared'] = f'{shown} {figures["baseline"]}'
            if 'precision' not in figures and figures['baseline_precision'] != 'float32':
                cells['compared'] += f' in {figures["baseline_precision"]}'
        lines.append(cells)
    return align(columns, lines)


def format_networks(summaries):
    """The table of rates of `benchmarks.networks` for people."""
    columns = ['', 'precision', 'GFLOP', 'images/s', 'range', 'CPU ms', 'cores', 'GFLOP/s']
    columns += ['of product', 'of float32']
    lines = []
    for figures in summaries:
        cells = rate_cells(figures)
        if 'gflop_per_image' in figures:
            cells['GFLOP'] = f'{figures["gflop_per_image"]:.2f}'
        lines.append(cells)
    return align(columns, lines)


def format_differences(summaries):
    """The table of differences of `benchmarks.networks` for people; empty where there are none."""
    lines = [
        {
            '': figures['name'],
            'precision': figures['precision'],
            'error': f'{found["relative_error"]:.2e}',
            'worst image': f'{found["worst_relative_error"]:.2e}',
            'same nearest': f'{found["same_nearest"]:.1%}',
            'found': f'{found["found"]:.1%}',
            'rounded images': f'{found["rounded_images"]:.2e}',
        }
        for figures in summaries
        if (found := figures.get('differences'))
    ]
    return align(list(lines[0]), lines) if lines else ''


def align(columns, lines):
    """Text in columns under their names; a column that no line has anything for is left out.

    Args:
      columns: names.
      lines: dictionaries of cells by column.
    """
    columns = [column for column in columns if any(line.get(column) for line in lines)]
    cells = [columns, *([line.get(column, '') for column in columns] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_left = [column in LEFT_ALIGNED for column in columns]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(line, widths, is_left, strict=True)
        ).rstrip()
        for line in cells
    )


def describe_cpu():
    """What the CPU is called, and how many cores this process may use: a dictionary."""
    cpu = 'unknown CPU'
    if os.path.exists('/proc/cpuinfo'):
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            names = [line.split(':', 1)[1].strip() for line in file if line[:10] == 'model name']
        cpu = names[0] if names else cpu
    return {'cpu': cpu, 'cores': workers.available_cores()}


def describe_machine(precisions):
    """What the figures depend on besides the code: dictionary of strings, counts and lists."""
    import tensorflow as tf

    from slim.learning.precision import has_fast_instructions

    gpus = [
        tf.config.experimental.get_device_details(gpu).get('device_name', gpu.name)
        for gpu in tf.config.list_physical_devices('GPU')
    ]
    return {
        'tensorflow': tf.__version__,
        **describe_cpu(),
        'gpus': gpus,
        'without_fast_instructions': [
            precision for precision in precisions if not has_fast_instructions(precision)
        ],
    }


def format_machine(machine):
    """The lines under a table, from the result of `describe_machine`."""
    lines = [
        f'This CPU has no instructions for {precision}: its rates say nothing of one that has.'
        for precision in machine['without_fast_instructions']
    ]
    lines.append(
        f'TensorFlow {machine["tensorflow"]}, {machine["cpu"]}, {machine["cores"]} cores, '
        f'{", ".join(machine["gpus"]) or "no GPU"}'
    )
    return '\n'.join(lines)


def check_output(path):
    """Raises a `UserError` if --output's file, or None, has no folder to be written to."""
    if path and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise UserError(f'--output={path}: there is no such folder')


def write_results(flags, machine, summaries):
    """Writes the figures to --output as JSON, with all that they depend on, if it is given."""
    if flags.output:
        settings = {name: value for name, value in command_line.own_flags(flags).items()}
        del settings['output']
        results = {'machine': machine, 'settings': settings, 'rows': summaries}
        files.write_text(flags.output, json.dumps(results, indent=1) + '\n')
