"""Turns measurements into summaries, tables and a JSON file."""

import json
import os
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import Measurements, Row, ratios
from slim import command_line, files, tables
from slim.datasets import workers
from slim.errors import UserError

COLUMNS = ['', 'precision', 'images/s', 'range', 'CPU ms', 'cores', 'GFLOP/s', 'of product']
COLUMNS += ['of float32', 'waited', 'peak MiB', 'compared']
LEFT_ALIGNED = ('', 'precision', 'compared')


def summarize(row: Row, measured: Measurements, yardstick: str = '') -> dict[str, Any]:
    """Summarizes the measurements of a row by their medians.

    The FLOP/s of the row `yardstick` are 100% for all rows of the same precision.
    """
    own = measured[row.key]
    rates = [m.rate for m in own]
    summary: dict[str, Any] = {'name': row.name}
    if row.precision is not None:
        summary['precision'] = row.precision
    if row.name != yardstick:
        summary |= {
            'images_per_second': statistics.median(rates),
            'least': min(rates),
            'most': max(rates),
            'cpu_ms_per_image': statistics.median(1e3 * m.cpu_seconds / m.amount for m in own),
        }
    summary['cores_busy'] = statistics.median(m.cpu_seconds / m.seconds for m in own)
    comparisons = {}
    if row.flops is not None:
        summary['gflops_per_second'] = row.flops * statistics.median(rates) / 1e9
        product = ratios(own, measured[yardstick, row.precision])
        comparisons['of_matrix_product'] = tuple(row.flops * ratio for ratio in product)
    if row.precision not in (None, 'float32') and (row.name, 'float32') in measured:
        comparisons['of_float32'] = ratios(own, measured[row.name, 'float32'])
    if row.baseline:
        key = _baseline_key(row, measured)
        summary['baseline'], summary['baseline_precision'] = key
        comparisons['of_baseline'] = ratios(own, measured[key])
    for name, (by_clock, by_cpu) in comparisons.items():
        summary |= {name: by_clock, f'{name}_by_cpu': by_cpu}
    if own[0].waited is not None:
        summary['waited'] = statistics.median((m.waited or 0) / m.seconds for m in own)
    if own[0].peak_bytes:
        summary['peak_mib'] = statistics.median(m.peak_bytes for m in own) / 2**20
    return summary


def _baseline_key(row: Row, measured: Measurements) -> tuple[str, str | None]:
    """Returns the key of the baseline: the fastest for input, which has no precision."""
    if row.precision is not None:
        return row.baseline, row.precision
    keys = [key for key in measured if key[0] == row.baseline]
    return max(keys, key=lambda key: statistics.median(m.rate for m in measured[key]))


def format_table(summaries: Sequence[dict[str, Any]]) -> str:
    """Formats the results of `summarize` as a table; ratios by CPU time are in brackets."""
    lines = []
    for summary in summaries:
        cells = {'': summary['name']}
        if 'precision' in summary:
            cells['precision'] = summary['precision']
        if 'images_per_second' in summary:
            cells['images/s'] = f'{summary["images_per_second"]:.1f}'
            cells['range'] = f'{summary["least"]:.1f}-{summary["most"]:.1f}'
            cells['CPU ms'] = f'{summary["cpu_ms_per_image"]:.2f}'
        cells['cores'] = f'{summary["cores_busy"]:.2f}'
        if 'of_matrix_product' in summary:
            ratio, by_cpu = summary['of_matrix_product'], summary['of_matrix_product_by_cpu']
            cells['GFLOP/s'] = f'{summary["gflops_per_second"]:.1f}'
            cells['of product'] = f'{ratio:.1%} ({by_cpu:.1%})'
        if 'of_float32' in summary:
            ratio, by_cpu = summary['of_float32'], summary['of_float32_by_cpu']
            cells['of float32'] = f'{ratio:.2f} x ({by_cpu:.2f})'
        if 'waited' in summary:
            cells['waited'] = f'{summary["waited"]:.1%}'
        if 'peak_mib' in summary:
            cells['peak MiB'] = f'{summary["peak_mib"]:.0f}'
        if 'baseline' in summary:
            ratio, by_cpu = summary['of_baseline'], summary['of_baseline_by_cpu']
            shown = f'{ratio:.1%} ({by_cpu:.1%}) of' if ratio < 2 else f'{ratio:.1f} x'
            cells['compared'] = f'{shown} {summary["baseline"]}'
            precision = summary['baseline_precision']
            if 'precision' not in summary and precision not in (None, 'float32'):
                cells['compared'] += f' in {precision}'
        lines.append(cells)
    return tables.format_table(lines, COLUMNS, left=LEFT_ALIGNED)


def describe_cpu() -> dict[str, Any]:
    """Returns the name of the CPU and the number of cores that this process may use."""
    path = Path('/proc/cpuinfo')
    names = re.findall(r'model name\s*: (.*)', path.read_text('utf-8') if path.exists() else '')
    return {'cpu': names[0] if names else 'unknown CPU', 'cores': workers.available_cores()}


def describe_machine(precisions: Sequence[str]) -> dict[str, Any]:
    """Returns what the results of `benchmarks.throughput` depend on, apart from the code."""
    import tensorflow as tf

    from slim.learning.precision import has_fast_instructions

    gpus = [
        tf.config.experimental.get_device_details(gpu).get('device_name', gpu.name)
        for gpu in tf.config.list_physical_devices('GPU')
    ]
    slow = [precision for precision in precisions if not has_fast_instructions(precision)]
    cpu = describe_cpu()
    return {'tensorflow': tf.__version__, **cpu, 'gpus': gpus, 'without_fast_instructions': slow}


def format_machine(machine: dict[str, Any]) -> str:
    """Formats the result of `describe_machine` as the lines below a table."""
    lines = [
        f'This CPU has no instructions for {precision}; CPUs that have them are faster.'
        for precision in machine['without_fast_instructions']
    ]
    gpus = ', '.join(machine['gpus']) or 'no GPU'
    cpu = f'{machine["cpu"]}, {machine["cores"]} cores'
    return '\n'.join([*lines, f'TensorFlow {machine["tensorflow"]}, {cpu}, {gpus}'])


def check_output(path: str | None) -> None:
    """Raises a `UserError` if the folder of --output does not exist."""
    if path and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise UserError(f'--output={path}: there is no such folder')


def write_results(flags: Any, machine: dict[str, Any], summaries: Sequence[dict]) -> None:
    """Writes summaries, flags and machine to --output as JSON, if that is given."""
    if flags.output:
        settings = command_line.own_flags(flags)
        del settings['output']
        results = {'machine': machine, 'settings': settings, 'rows': summaries}
        files.write_text(flags.output, json.dumps(results, indent=1) + '\n')
