#!/usr/bin/env bash
# Creates .venv from the lock file; does nothing if it is up to date.
#
#   ./setup.sh        for any machine; TensorFlow uses the CPU
#   ./setup.sh gpu    for a machine with an NVIDIA GPU; includes CUDA (about 4 GB)
#
# Needs only Python 3.11, 3.12 or 3.13 with venv. BASE_PYTHON=... selects another interpreter.
# demo.sh and test.sh call this script first and keep the variant that is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() { echo "setup.sh: $1" >&2; exit 1; }

stamp=.venv/installed-from
kind=${1:-}
if [ -z "$kind" ] && [ -f "$stamp" ]; then kind=$(cut -d' ' -f1 "$stamp"); fi
case "${kind:-cpu}" in
    cpu) kind=cpu lock=requirements.lock ;;
    gpu) lock=requirements-gpu.lock ;;
    *) fail "unknown argument '$kind'; use ./setup.sh or ./setup.sh gpu" ;;
esac

sum=$(cksum < "$lock")
wanted="$kind $sum"
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
python=
for candidate in "${BASE_PYTHON:-python3}" ${BASE_PYTHON:+none} python3.13 python3.12 python3.11; do
    [ "$candidate" = none ] && break
    if command -v "$candidate" > /dev/null && "$candidate" -c "$fits" 2> /dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    found=$("${BASE_PYTHON:-python3}" --version 2>&1) || found="no ${BASE_PYTHON:-python3}"
    fail "needs Python 3.11, 3.12 or 3.13, found $found; set BASE_PYTHON to one of them"
fi
"$python" -c 'import venv, ensurepip' 2> /dev/null \
    || fail "$python has no venv; on Debian and Ubuntu: apt install python3-venv"

echo "setup.sh: installing into .venv from $lock with $("$python" --version); this takes a few minutes" >&2
# Without the stamp, an installation that is interrupted is repeated by the next run.
rm -f "$stamp"
"$python" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
    --require-hashes -r "$lock" || fail "the installation failed; run ./setup.sh again"
echo "$wanted" > "$stamp"
