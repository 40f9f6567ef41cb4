#!/usr/bin/env bash
# Installs everything and runs the whole chain without a download: about 4 minutes on 2 cores.
#
#   ./demo.sh
#   ./demo.sh data        only step 1/6: renders the images and converts them to TFRecords
#
# Renders two synthetic datasets of birds with 24 and 12 different species. Pre-trains a quarter-width
# Inception-V3 on the first in place of a released checkpoint, fine-tunes it on the second, evaluates
# it before and after, and extracts features. Existing results are kept: remove data/demo*,
# checkpoints/demo* and feature/demo* to start from the beginning.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage='usage: ./demo.sh         installs everything and runs the whole chain, about 4 minutes
       ./demo.sh data    installs everything and only renders the images'
case "$#:${1:-}" in
    0: | 1:data) ;;
    1:--help | 1:-h) echo "$usage"; exit 0 ;;
    *) echo "$usage" >&2; exit 1 ;;
esac

./setup.sh
python=.venv/bin/python

say() { printf '\n== %s\n' "$1"; }

# Smaller than in the paper. At 107 pixels, a bird's wing bar of 12 pixels at 299 is still visible.
network=(--depth_multiplier=0.25)
size=107
# The original batch-norm decay of 0.9997 is too large for a thousand steps.
short=(--batch_norm_decay=0.95 --learning_rate_decay_type=polynomial --opt_epsilon=0.001)

say '1/6  render the images, convert them to TFRecords'
for name in demo_source demo; do
    $python prepare_dataset.py --dataset_name=$name
    $python convert_dataset.py --dataset_name=$name --num_shards=4
done
if [ "${1:-}" = data ]; then exit 0; fi

say '2/6  pre-train on demo_source: 24 species'
DATASET_NAME=demo_source CHECKPOINT_PATH= TRAINABLE_SCOPES= OPTIMIZER=adam LR=0.006 \
    EPOCHS_PER_DECAY=20 TRAIN_BATCH_SIZE=32 TRAIN_IMAGE_SIZE=$size MAX_STEPS=1200 LOG_STEPS=200 \
    ./train.sh "${network[@]}" "${short[@]}"

say '3/6  fine-tune on demo: 12 other species'
DATASET_NAME=demo CHECKPOINT_PATH=./checkpoints/demo_source TRAINABLE_SCOPES= OPTIMIZER=adam \
    LR=0.004 EPOCHS_PER_DECAY=14 TRAIN_BATCH_SIZE=32 TRAIN_IMAGE_SIZE=$size MAX_STEPS=400 \
    LOG_STEPS=100 ./train.sh "${network[@]}" "${short[@]}" --max_checkpoints=0

say '4/6  evaluate: before fine-tuning (chance is 1/12), and after'
DATASET_NAME=demo EVAL_IMAGE_SIZE=$size \
    ./eval.sh "${network[@]}" --checkpoint_path=./checkpoints/demo/model.ckpt-0 \
    | sed 's/^/before: /'
DATASET_NAME=demo EVAL_IMAGE_SIZE=$size ./eval.sh "${network[@]}" --once \
    | sed 's/^/after:  /'

say '5/6  extract features'
$python feature_extraction.py --dataset_name=demo --checkpoint_path=checkpoints/demo \
    --image_size=$size "${network[@]}"

say '6/6  results'
cat <<TEXT
images        data/demo/images
shards        data/demo/*.tfrecord
checkpoints   checkpoints/demo
features      feature/demo-400
curves        .venv/bin/tensorboard --logdir=checkpoints
TEXT
