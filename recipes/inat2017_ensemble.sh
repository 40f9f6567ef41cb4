#!/usr/bin/env bash
# Challenge entry: Inception-V4 and Inception-ResNet-V2 on iNat2017 at 560 pixels, evaluated together with 12 crops.
#
# Command:   recipes/inat2017_ensemble.sh
# Needs:     data/inat2017; checkpoints/inception/inception_v4.ckpt and inception_resnet_v2.ckpt, pre-trained on ImageNet
#            (model zoo of tf-slim)
# Published: top-1/top-5 accuracy: public test 81.58/95.19, private test 81.28/95.13 (iNat2017 paper); minival 81.9/95.9,
#            Inception-V4 alone 80.8/95.3 (authors' talk).
#
# Hyperparameters are those of the flag files. The released Inception-V4 was trained at 448 pixels before 560 (README of the
# original code); 299 for Inception-ResNet-V2 is our choice. A stage that was interrupted resumes when the script is started again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x .venv/bin/python ] && PATH=$PWD/.venv/bin:$PATH

python train.py --flagfile=recipes/inat2017_299.flags --model_name=inception_v4 --train_image_size=448 \
    --checkpoint_path=checkpoints/inception/inception_v4.ckpt --train_dir=checkpoints/inat2017_v4_448
python train.py --flagfile=recipes/inat2017_560.flags --model_name=inception_v4 \
    --checkpoint_path=checkpoints/inat2017_v4_448 --train_dir=checkpoints/inat2017_v4_560
python train.py --flagfile=recipes/inat2017_560_balanced.flags --model_name=inception_v4 \
    --checkpoint_path=checkpoints/inat2017_v4_560 --train_dir=checkpoints/inat2017_v4_560_balanced

python train.py --flagfile=recipes/inat2017_299.flags --model_name=inception_resnet_v2 \
    --checkpoint_path=checkpoints/inception/inception_resnet_v2.ckpt --train_dir=checkpoints/inat2017_resnet_299
python train.py --flagfile=recipes/inat2017_560.flags --model_name=inception_resnet_v2 \
    --checkpoint_path=checkpoints/inat2017_resnet_299 --train_dir=checkpoints/inat2017_resnet_560
python train.py --flagfile=recipes/inat2017_560_balanced.flags --model_name=inception_resnet_v2 \
    --checkpoint_path=checkpoints/inat2017_resnet_560 --train_dir=checkpoints/inat2017_resnet_560_balanced

python eval.py --dataset_name=inat2017 --once --num_crops=12 --eval_image_size=560 \
    --checkpoint_path=checkpoints/inat2017_v4_560_balanced,checkpoints/inat2017_resnet_560_balanced \
    --model_name=inception_v4,inception_resnet_v2 --eval_dir=checkpoints/inat2017_ensemble/eval_12_crops
