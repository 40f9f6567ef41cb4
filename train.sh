#!/usr/bin/env bash
# The paper's recipe for a last layer: CUB-200 on Inception-V3 pre-trained on iNaturalist.
#
#   CUDA_VISIBLE_DEVICES=0 ./train.sh
#   DATASET_NAME=demo MAX_STEPS=100 ./train.sh       every knob below can be set like this
#   MODEL_NAME=resnet_v2_50 CHECKPOINT_PATH=... ./train.sh
#   ./train.sh --label_smoothing=0.1                 any other flag of train.py
#
# An empty CHECKPOINT_PATH trains from scratch, empty TRAINABLE_SCOPES train every layer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python
    [ -x .venv/bin/python ] && PYTHON=.venv/bin/python
fi

DATASET_NAME=${DATASET_NAME-cub_200}
DATASET_DIR=${DATASET_DIR-./data/}
MODEL_DIR=${MODEL_DIR-./checkpoints/${DATASET_NAME}}

# Where it starts: everything but the classifier comes from the checkpoint.
MODEL_NAME=${MODEL_NAME-inception_v3}
CHECKPOINT_PATH=${CHECKPOINT_PATH-./checkpoints/inception/inception_v3_iNat_299.ckpt}
CHECKPOINT_EXCLUDE_SCOPES=${CHECKPOINT_EXCLUDE_SCOPES-last_layer}

# What is trained: the classifiers, by whatever name the network has for them.
TRAINABLE_SCOPES=${TRAINABLE_SCOPES-last_layer}
OPTIMIZER=${OPTIMIZER-momentum}
LR=${LR-0.01}
END_LR=${END_LR-0.0001}
LR_DECAY=${LR_DECAY-0.1}
EPOCHS_PER_DECAY=${EPOCHS_PER_DECAY-10.0}

TRAIN_BATCH_SIZE=${TRAIN_BATCH_SIZE-64}
TRAIN_IMAGE_SIZE=${TRAIN_IMAGE_SIZE-299}
# 30 epochs: cub_200 has 5994 training images, 94 batches of 64 an epoch.
MAX_STEPS=${MAX_STEPS-2810}
NUM_CLONES=${NUM_CLONES-1}

LOG_STEPS=${LOG_STEPS-10}
SAVE_SUMMARIES_SECS=${SAVE_SUMMARIES_SECS-10}
SAVE_MODEL_SECS=${SAVE_MODEL_SECS-60}

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
