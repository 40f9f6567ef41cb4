#!/usr/bin/env bash
# Evaluates every checkpoint that train.sh writes, while it trains, on another GPU or on the CPU.
#
#   CUDA_VISIBLE_DEVICES=1 ./eval.sh
#   CUDA_VISIBLE_DEVICES= DATASET_NAME=demo ./eval.sh      on the CPU
#   ./eval.sh --once                                       only the newest checkpoint
#   NUM_CROPS=12 ./eval.sh --once                          with 12 crops of each image
#   MODEL_DIR=A,B EVAL_DIR=C EVAL_IMAGE_SIZE=299,560 ./eval.sh    an ensemble: the newest of A and B
#   ./eval.sh --help                                       lists the environment variables
#
# It waits for new checkpoints until Ctrl-C; with TIMEOUT_SECS=600 it ends after ten minutes without.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

help=
# NAME DEFAULT DESCRIPTION: sets a variable that is not set yet (an empty value counts as set).
setting() {
    help+=$(printf '  %-26s %s' "$1" "$3")$'\n'"                             default: ${2:-(empty)}"$'\n'
    [ -n "${!1+set}" ] || printf -v "$1" '%s' "$2"
}
wants_help() {
    local argument
    for argument; do
        case "$argument" in --help | -h) return 0 ;; esac
    done
    return 1
}

setting DATASET_NAME cub_200 'dataset, a subfolder of DATASET_DIR'
setting DATASET_DIR ./data/ 'folder that contains the datasets'
setting MODEL_DIR "./checkpoints/$DATASET_NAME" 'folder of checkpoints; A,B: an ensemble'
setting NUM_CROPS 1 'crops per image, 1 or 12'
# A table is named by its step only, so results with 12 crops have a folder of their own. An ensemble
# has no default.
case "$MODEL_DIR,$NUM_CROPS" in
    *,*,*) eval_dir=; wants_help "$@" || : "${EVAL_DIR?"set it to a folder for the results of $MODEL_DIR"}" ;;
    *,1) eval_dir=$MODEL_DIR/eval ;;
    *) eval_dir=$MODEL_DIR/eval_${NUM_CROPS}_crops ;;
esac
setting EVAL_DIR "$eval_dir" 'folder for event files and tables; an ensemble needs it'
setting MODEL_NAME inception_v3 'network; A,B: one for each member of an ensemble'
setting EVAL_BATCH_SIZE 100 'crops per batch'
setting EVAL_IMAGE_SIZE 299 'height and width of the images in pixels'
setting EVAL_INTERVAL_SECS 10 'seconds between looks for a new checkpoint'
setting TIMEOUT_SECS '' 'end after so many seconds without a new checkpoint; empty: never'
[ -n "${PYTHON:-}" ] || unset PYTHON
setting PYTHON "$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)" \
    'Python interpreter'

if wants_help "$@"; then
    printf 'usage: [NAME=VALUE ...] ./eval.sh [flags of eval.py]\n\n%s\n%s\n%s\n' \
        'Environment variables, with their defaults:' "$help" \
        'Any other flag goes to eval.py; python eval.py --help lists them.'
    exit 0
fi

exec "$PYTHON" eval.py \
    --checkpoint_path="$MODEL_DIR" \
    --eval_dir="$EVAL_DIR" \
    --dataset_dir="$DATASET_DIR" \
    --dataset_name="$DATASET_NAME" \
    --model_name="$MODEL_NAME" \
    --num_crops="$NUM_CROPS" \
    --batch_size="$EVAL_BATCH_SIZE" \
    --eval_image_size="$EVAL_IMAGE_SIZE" \
    --eval_interval_secs="$EVAL_INTERVAL_SECS" \
    ${TIMEOUT_SECS:+--timeout_secs="$TIMEOUT_SECS"} \
    "$@"
