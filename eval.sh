#!/usr/bin/env bash
# Evaluates every checkpoint that train.sh writes, beside it on another GPU or on the CPU.
#
#   CUDA_VISIBLE_DEVICES=1 ./eval.sh
#   CUDA_VISIBLE_DEVICES= DATASET_NAME=demo ./eval.sh     on the CPU
#   ./eval.sh --once                                       the newest checkpoint, and end
#   NUM_CROPS=12 ./eval.sh --once                          on 12 crops of each image
#   MODEL_DIR=A,B EVAL_DIR=C EVAL_IMAGE_SIZE=299,560 ./eval.sh      the newest of A and B together
#
# It waits for more until Ctrl-C; TIMEOUT_SECS=600 ends it after ten minutes without a new one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python
    [ -x .venv/bin/python ] && PYTHON=.venv/bin/python
fi

DATASET_NAME=${DATASET_NAME-cub_200}
DATASET_DIR=${DATASET_DIR-./data/}
MODEL_DIR=${MODEL_DIR-./checkpoints/${DATASET_NAME}}
NUM_CROPS=${NUM_CROPS-1}
# A table's name tells the step alone, so those of 12 crops have a folder of their own. An ensemble
# has none by itself.
case "$MODEL_DIR,$NUM_CROPS" in
    *,*,*) EVAL_DIR=${EVAL_DIR?"say where the results of $MODEL_DIR go"} ;;
    *,1) EVAL_DIR=${EVAL_DIR-${MODEL_DIR}/eval} ;;
    *) EVAL_DIR=${EVAL_DIR-${MODEL_DIR}/eval_${NUM_CROPS}_crops} ;;
esac
MODEL_NAME=${MODEL_NAME-inception_v3}
EVAL_BATCH_SIZE=${EVAL_BATCH_SIZE-100}
EVAL_IMAGE_SIZE=${EVAL_IMAGE_SIZE-299}
EVAL_INTERVAL_SECS=${EVAL_INTERVAL_SECS-10}
TIMEOUT_SECS=${TIMEOUT_SECS-}

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
