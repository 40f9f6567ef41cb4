#!/usr/bin/env bash
# Installs everything, checks style and types and runs the tests. Arguments go to pytest:
#
#   ./test.sh -m slow      ./test.sh -k nets
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh
.venv/bin/ruff check --quiet .
.venv/bin/ruff format --quiet --check . || { echo 'test.sh: files are not formatted; run .venv/bin/ruff format .' >&2; exit 1; }
.venv/bin/mypy --no-error-summary
# Two processes, each with a file of tests at a time: TensorFlow mostly traces on one core.
exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"
