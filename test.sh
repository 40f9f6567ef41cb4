#!/usr/bin/env bash
# Sets everything up and runs the tests. Arguments go to pytest: ./test.sh -m slow, ./test.sh -k nets
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh
.venv/bin/ruff check --quiet .
.venv/bin/ruff format --quiet --check . || { echo 'test.sh: run .venv/bin/ruff format .' >&2; exit 1; }
# Two processes, a file of tests in one of them: much of the time TensorFlow traces on one core.
exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"
