"""Makes the lists of a dataset from an unpacked official archive, or from your own images.

    python prepare_dataset.py --dataset_name=cub_200 --source_dir=/archives/CUB_200_2011

writes  data/cub_200/train.txt    images to train on
        data/cub_200/val.txt      images to evaluate on
        data/cub_200/labels.txt   class names

which is what convert_dataset.py reads. Images stay where they are; if that is outside
data/cub_200/, a symbolic link in it leads to them. Without --source_dir, the archive is expected in
data/cub_200/. Counts that differ from the paper's are reported, and earlier lists are kept as
train.txt.old and so on. --source_dir must hold the following, itself or in a folder of the name in
brackets:

cub_200 (CUB_200_2011) and nabirds (nabirds)
        images.txt, image_class_labels.txt, train_test_split.txt, classes.txt, images/
        cub_200: labels are class ids minus 1; nabirds: ranks of the 555 ids that occur
aircraft (fgvc-aircraft-2013b)
        data/variants.txt, data/images_variant_trainval.txt, data/images_variant_test.txt,
        data/images/; labels follow the order of variants.txt
flower_102
        imagelabels.mat, setid.mat, jpg/; labels are class ids minus 1; trnid and valid are for
        training
food_101 (food-101)
        meta/classes.txt, meta/train.txt, meta/test.txt, images/; labels follow the order of
        classes.txt
stanford_cars
        devkit/cars_train_annos.mat, devkit/cars_meta.mat, cars_train/, cars_test/,
        cars_test_annos_withlabels.mat (there or in devkit/); labels are class ids minus 1
stanford_dogs
        train_list.mat, test_list.mat, Images/; labels are class ids minus 1
ILSVRC2012
        train/<wnid>/, val/<wnid>/ or a flat val/ with the devkit's meta.mat and
        ILSVRC2012_validation_ground_truth.txt (also in ILSVRC2012_devkit_t12/data/); labels follow
        the order of the sorted wnids
inat2017
        train2017.json, val2017.json, train_val_images/; labels are category ids. The paper's
        inat_minival.txt is downloaded into the folder of this script: its 9,697 images are for
        evaluation, all others for training
any other name
        train/<class>/ and val/<class>/, or <class>/ alone, of which --validation_share is used for
        evaluation; labels follow the order of the sorted names
any other name, with --csv=FILE
        path,label or path,label,split on each line. Labels are names or numbers, splits train or
        val; a header may name the columns. Paths are relative to --source_dir, by default the
        folder of the file
demo, demo_source and mini_birds, mini_cars, ... (synthetic datasets, slim/synthetic/)
        nothing: their images are rendered

Or write the lists by hand, in data/<name>/ next to the images:

- train.txt and val.txt, UTF-8, with one line per image: its path relative to data/<name>/, a colon
  and a space, and its class as a number. Paths may hold spaces and colons. The classes are
  0, 1, 2, ... without gaps:
      images/Black-footed Albatross/0001.jpg: 0
      images/Laysan Albatross/0002.jpg: 1
- labels.txt, if the classes have names, with one line per class:
      0:Black-footed Albatross
      1:Laysan Albatross

    python prepare_dataset.py --dataset_name=cub_200 --find_duplicates --against=ILSVRC2012

lists in data/cub_200/duplicates.csv the images that are in both lists, or in those of another
dataset: with the same bytes, or with a similar perceptual hash. Existing lists are used as they
are, unless a flag says what to make them from.
"""

import os
from typing import Any

from absl import flags

from slim import command_line, configs
from slim.configs import PreparationConfig

command_line.group('Dataset')
flags.DEFINE_string('dataset_name', None, 'Dataset: one of the above, or a name of your own.')
flags.DEFINE_string('dataset_dir', configs.DATASET_DIR, 'Folder of all datasets.')
flags.DEFINE_string('source_dir', None, 'Unpacked archive, or folder of the images.')
flags.DEFINE_string(
    'class_list',
    None,
    'File with one class name per line, or lines as in labels.txt: keep only these classes, with '
    'labels in the order of the file.',
)

command_line.group('Official archives')
flags.DEFINE_string(
    'layout', None, 'Dataset whose archive layout this is, if --dataset_name is another name.'
)

command_line.group('Own images')
flags.DEFINE_string('csv', None, 'File of path,label or path,label,split in place of folders.')
command_line.define(
    PreparationConfig,
    'validation_share',
    'Fraction of each class for validation, if there are no splits yet.',
)
command_line.define(
    PreparationConfig, 'seed', 'Random seed for the choice of the validation images.'
)

command_line.group('Duplicates')
flags.DEFINE_boolean('find_duplicates', False, 'List images that are in two lists.')
flags.DEFINE_string('against', None, 'Another dataset to search for duplicates.')
command_line.define(
    PreparationConfig,
    'max_distance',
    'Largest distance, in bits of 64, of the perceptual hashes of near-identical images: 0 to 6 '
    'after changes of compression, size, shape or colour; 32 +- 4 for different images.',
    lower_bound=0,
    upper_bound=64,
)
command_line.define(
    PreparationConfig,
    'num_workers',
    'Number of processes that read images; by default one per core.',
    lower_bound=1,
)
flags.register_validator('dataset_name', bool, 'name one, such as --dataset_name=cub_200')

OWN_IMAGES_ONLY = ('csv', 'validation_share', 'seed')
SOURCES = ('source_dir', 'layout', 'class_list', *OWN_IMAGES_ONLY)


def prepare(args: Any, given: list[str]) -> None:
    """Writes the lists of the dataset; `given` are the flags that say what to make them from."""
    from slim import synthetic
    from slim.datasets import preparation, split_lists
    from slim.datasets.layouts import LAYOUTS
    from slim.errors import UserError

    name = args.dataset_name
    folder = os.path.join(args.dataset_dir, name)
    if name in LAYOUTS or args.layout:
        for flag in OWN_IMAGES_ONLY:
            if flag in given:
                raise UserError(f'--{flag} is for your own images, not for official archives')
    lists = {split: split_lists.list_path(folder, split) for split in split_lists.LIST_NAMES}
    if args.find_duplicates and not given and all(map(os.path.isfile, lists.values())):
        return
    if name in synthetic.DATASETS:
        if given:
            raise UserError(f'{name} is a synthetic dataset; omit --{given[0]}')
        try:
            synthetic.write_dataset(name, folder)
        except ValueError as error:
            raise UserError(str(error)) from error
    else:
        prepared = preparation.prepare(
            args.dataset_dir,
            name,
            source_dir=args.source_dir,
            layout=args.layout,
            csv_path=args.csv or None,
            class_list_path=args.class_list or None,
            validation_share=args.validation_share,
            seed=args.seed,
        )
        print(f'{name}: read {prepared.source}')
        if prepared.skipped:
            print(
                f'{name}: skipped {len(prepared.skipped)} files that are not images, such as '
                f'{prepared.skipped[0]}'
            )
        if prepared.kept:
            print(f'{name}: kept the earlier lists as {", ".join(prepared.kept)}')
        command_line.warn(prepared.warnings)
    counts = ' and '.join(
        f'{len(split_lists.read_list(path))} {split}' for split, path in lists.items()
    )
    is_default = args['dataset_dir'].using_default_value
    own_dir = '' if is_default else f' --dataset_dir={args.dataset_dir}'
    print(
        f'{name}: {counts} images of {len(split_lists.read_labels(folder) or [])} classes in '
        f'{folder}; next: python convert_dataset.py --dataset_name={name}{own_dir}'
    )


def find_duplicates(args: Any) -> None:
    """Lists the duplicates and prints their number."""
    from slim.datasets import duplicates

    report = duplicates.find_duplicates(
        args.dataset_dir, args.dataset_name, args.against, args.max_distance, args.num_workers
    )
    path = os.path.join(args.dataset_dir, args.dataset_name, duplicates.NAME)
    duplicates.write_csv(path, report.duplicates)
    print('\n'.join(duplicates.summary(report, args.dataset_name)))
    print(f'{args.dataset_name}: {len(report.duplicates)} pairs in {path}')
    command_line.warn(duplicates.problems(report))


def main(args: Any) -> None:
    from slim.errors import UserError

    if args.against and not args.find_duplicates:
        raise UserError('--against needs --find_duplicates')
    prepare(args, [name for name in SOURCES if args[name].present])
    if args.find_duplicates:
        find_duplicates(args)


if __name__ == '__main__':
    command_line.run(main, __doc__)
