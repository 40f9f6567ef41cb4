#!/usr/bin/env bash
# Inception-V3 on iNat2017, from ImageNet to the evaluation with 12 crops and an ensemble of two image sizes.
#
# Command:   recipes/inat2017_12_crops.sh
# Needs:     data/inat2017; checkpoints/inception/inception_v3.ckpt, pre-trained on ImageNet (model zoo of tf-slim)
# Published: 12 crops raise Inception-V4 from 79.2/94.6 to 80.8/95.3 top-1/top-5 accuracy on the minival (authors' talk).
#            This ensemble is our choice; recipes/inat2017_ensemble.sh evaluates the authors' one.
#
# A stage that was interrupted resumes when the script is started again. 12 crops: centre, four corners, whole image and the
# horizontal flips of these six (authors' talk).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x .venv/bin/python ] && PATH=$PWD/.venv/bin:$PATH

python train.py --flagfile=recipes/inat2017_299.flags
python train.py --flagfile=recipes/inat2017_560.flags
python train.py --flagfile=recipes/inat2017_560_balanced.flags

python eval.py --dataset_name=inat2017 --once --num_crops=12 --eval_image_size=560 \
    --checkpoint_path=checkpoints/inat2017_560_balanced --model_name=inception_v3 \
    --eval_dir=checkpoints/inat2017_560_balanced/eval_12_crops

python eval.py --dataset_name=inat2017 --once --num_crops=12 --eval_image_size=560,299 \
    --checkpoint_path=checkpoints/inat2017_560_balanced,checkpoints/inat2017_299 \
    --model_name=inception_v3,inception_v3 \
    --eval_dir=checkpoints/inat2017_560_299/eval_12_crops
