#!/usr/bin/env bash
# Trains with the paper's recipe for a last layer: CUB-200, Inception-V3 pre-trained on iNaturalist.
#
#   CUDA_VISIBLE_DEVICES=0 ./train.sh
#   DATASET_NAME=demo MAX_STEPS=100 ./train.sh        every setting is an environment variable
#   MODEL_NAME=resnet_v2_50 CHECKPOINT_PATH=... ./train.sh
#   ./train.sh --label_smoothing=0.1                  any other flag goes to train.py
#   ./train.sh --help                                 lists the environment variables
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

help=
# NAME DEFAULT DESCRIPTION: sets a variable that is not set yet (an empty value counts as set).
setting() {
    help+=$(printf '  %-26s %s' "$1" "$3")$'\n'"                             default: ${2:-(empty)}"$'\n'
    [ -n "${!1+set}" ] || printf -v "$1" '%s' "$2"
}

setting DATASET_NAME cub_200 'dataset, a subfolder of DATASET_DIR'
setting DATASET_DIR ./data/ 'folder that contains the datasets'
setting MODEL_DIR "./checkpoints/$DATASET_NAME" 'folder for checkpoints and event files'

# Initial weights: everything but the classifiers comes from the checkpoint.
setting MODEL_NAME inception_v3 'network'
setting CHECKPOINT_PATH ./checkpoints/inception/inception_v3_iNat_299.ckpt \
    'checkpoint to start from; empty: train from scratch'
setting CHECKPOINT_EXCLUDE_SCOPES last_layer 'variables not to restore'

# Optimization: only the classifiers are trained, whatever their names are in the network.
setting TRAINABLE_SCOPES last_layer 'variables to train; empty: all layers'
setting OPTIMIZER momentum 'optimizer'
setting LR 0.01 'initial learning rate'
setting END_LR 0.0001 'final learning rate of the polynomial schedule'
setting LR_DECAY 0.1 'factor of each decay of the learning rate'
setting EPOCHS_PER_DECAY 10.0 'epochs between decays'
setting TRAIN_BATCH_SIZE 64 'images per batch, over all GPUs'
setting TRAIN_IMAGE_SIZE 299 'height and width of the images in pixels'
# 30 epochs: cub_200 has 5994 training images, 94 batches of 64 per epoch.
setting MAX_STEPS 2810 'number of training steps'
setting NUM_CLONES 1 'number of GPUs'

setting LOG_STEPS 10 'steps between log lines'
setting SAVE_SUMMARIES_SECS 10 'seconds between summaries'
setting SAVE_MODEL_SECS 60 'seconds between checkpoints'
[ -n "${PYTHON:-}" ] || unset PYTHON
setting PYTHON "$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)" \
    'Python interpreter'

for argument; do
    case "$argument" in --help | -h)
        printf 'usage: [NAME=VALUE ...] ./train.sh [flags of train.py]\n\n%s\n%s\n%s\n' \
            'Environment variables, with their defaults:' "$help" \
            'Any other flag goes to train.py; python train.py --help lists them.'
        exit 0 ;;
    esac
done

exec "$PYTHON" train.py \
    --train_dir="$MODEL_DIR" \
    --dataset_dir="$DATASET_DIR" \
    --dataset_name="$DATASET_NAME" \
    --model_name="$MODEL_NAME" \
    --checkpoint_path="$CHECKPOINT_PATH" \
    --checkpoint_exclude_scopes="$CHECKPOINT_EXCLUDE_SCOPES" \
    --trainable_scopes="$TRAINABLE_SCOPES" \
    --optimizer="$OPTIMIZER" \
    --learning_rate="$LR" \
    --end_learning_rate="$END_LR" \
    --learning_rate_decay_factor="$LR_DECAY" \
    --num_epochs_per_decay="$EPOCHS_PER_DECAY" \
    --batch_size="$TRAIN_BATCH_SIZE" \
    --train_image_size="$TRAIN_IMAGE_SIZE" \
    --max_number_of_steps="$MAX_STEPS" \
    --num_clones="$NUM_CLONES" \
    --log_every_n_steps="$LOG_STEPS" \
    --save_summaries_secs="$SAVE_SUMMARIES_SECS" \
    --save_interval_secs="$SAVE_MODEL_SECS" \
    "$@"
