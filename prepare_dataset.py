"""Makes the lists of a dataset from an unpacked official archive, or from folders of your own.

    python prepare_dataset.py --dataset_name=cub_200 --source_dir=/archives/CUB_200_2011

writes  data/cub_200/train.txt    the images to train on
        data/cub_200/val.txt      the images to evaluate on
        data/cub_200/labels.txt   the names of the classes

which is what convert_dataset.py reads. Images stay where they are; if that is outside of
data/cub_200/, a symbolic link in it leads to them. Without --source_dir the archive is looked for
in data/cub_200/. Counts that differ from the paper's are named, and lists that were there before
are kept as train.txt.old and so on. What --source_dir must hold, itself or in a folder of the name
in brackets:

cub_200 (CUB_200_2011) and nabirds (nabirds)
        images.txt, image_class_labels.txt, train_test_split.txt, classes.txt, images/
        cub_200: labels are class ids less one; nabirds: the 555 ids that occur, in their order
aircraft (fgvc-aircraft-2013b)
        data/variants.txt, data/images_variant_trainval.txt, data/images_variant_test.txt,
        data/images/; labels are the order of variants.txt
flower_102
        imagelabels.mat, setid.mat, jpg/; labels are class ids less one; trains on trnid and valid
food_101 (food-101)
        meta/classes.txt, meta/train.txt, meta/test.txt, images/; the order of classes.txt
stanford_cars
        devkit/cars_train_annos.mat, devkit/cars_meta.mat, cars_train/, cars_test/,
        cars_test_annos_withlabels.mat (there or in devkit/); labels are class ids less one
stanford_dogs
        train_list.mat, test_list.mat, Images/; labels are class ids less one
ILSVRC2012
        train/<wnid>/, val/<wnid>/ or val/ flat with the devkit's meta.mat and
        ILSVRC2012_validation_ground_truth.txt (also in ILSVRC2012_devkit_t12/data/); labels are the
        order of the sorted wnids
inat2017
        train2017.json, val2017.json, train_val_images/; labels are category ids. The paper's
        inat_minival.txt is fetched into the folder of this script: its 9,697 images are for
        evaluation, all others for training
any other name
        train/<class>/ and val/<class>/, or <class>/ alone, of which --validation_share is taken for
        evaluation; labels are the order of the sorted names
any other name, with --csv=FILE
        path,label or path,label,split on each line. Labels are names or numbers, splits train or
        val; a header may name the columns. Paths start from --source_dir, or else from the folder
        of the file
demo, demo_source and mini_birds, mini_cars, ... (the table of slim/synthetic/registry.py)
        nothing: they are drawn, photographs and all

Or make the lists by hand, in data/<name>/ beside the images:

- train.txt and val.txt, UTF-8, with a line for each image: its path from data/<name>/ on, a colon
  and a space, and its class as a number. Paths may hold spaces and colons. The classes are
  0, 1, 2, ... without gaps:
      images/Black-footed Albatross/0001.jpg: 0
      images/Laysan Albatross/0002.jpg: 1
- labels.txt, if the classes shall have names, with a line for each class:
      0:Black-footed Albatross
      1:Laysan Albatross

    python prepare_dataset.py --dataset_name=cub_200 --find_duplicates --against=ILSVRC2012

lists in data/cub_200/duplicates.csv the images that stand in both lists, or in those of another
dataset: with the same bytes, or by a perceptual hash the same picture. Lists that are there are
taken as they are, unless a flag says what to make them from.
"""

import os

from absl import flags

from slim import command_line

flags.DEFINE_string('dataset_name', None, 'The dataset: one of those above, or a name of your own.')
flags.DEFINE_string('dataset_dir', './data/', 'The folder that holds all datasets.')
flags.DEFINE_string('source_dir', None, 'The unpacked archive, or the folder of the images.')
flags.DEFINE_string(
    'layout', None, 'The layout, by the name of its dataset, where this one has another name.'
)
flags.DEFINE_string('csv', None, 'A file of path,label or path,label,split in place of folders.')
flags.DEFINE_string(
    'class_list',
    None,
    'A file with the name of a class on each line, or lines as in labels.txt: keep these classes '
    'only, labelled in the order of the file.',
)
flags.DEFINE_float('validation_share', 0.2, 'Of each class, where there are no splits yet.')
flags.DEFINE_integer('seed', 0, 'Of the choice of these images.')
flags.DEFINE_boolean('find_duplicates', False, 'List images that stand in two lists.')
flags.DEFINE_string('against', None, 'Another dataset to find them in, too.')
flags.DEFINE_integer(
    'max_distance',
    6,
    'Bits of 64 in which the perceptual hashes of the same picture may differ: 0 to 6 by '
    'compression, size, shape or colour; unrelated ones differ by 32 +- 4.',
    lower_bound=0,
    upper_bound=64,
)
flags.DEFINE_integer(
    'num_workers', None, 'Processes that read images; by default one each core.', lower_bound=1
)
flags.register_validator('dataset_name', bool, 'name one, such as --dataset_name=cub_200')

FREE_ONLY = ('csv', 'validation_share', 'seed')
SOURCES = ('source_dir', 'layout', 'class_list', *FREE_ONLY)


def prepare(args, given):
    """Writes the lists of the dataset; `given` are the flags on where from."""
    from slim import synthetic
    from slim.datasets import preparation, split_lists
    from slim.datasets.layouts import LAYOUTS
    from slim.errors import UserError

    name = args.dataset_name
    folder = os.path.join(args.dataset_dir, name)
    if name in LAYOUTS or args.layout:
        for flag in FREE_ONLY:
            if flag in given:
                raise UserError(f'--{flag} is for folders of your own, not for official layouts')
    lists = [split_lists.list_path(folder, split) for split in split_lists.LIST_NAMES]
    if args.find_duplicates and not given and all(os.path.isfile(path) for path in lists):
        return
    if name in synthetic.DATASETS:
        if given:
            raise UserError(f'{name} is drawn, from nothing: leave out --{given[0]}')
        try:
            synthetic.write_dataset(name, folder)
        except ValueError as error:
            raise UserError(str(error)) from error
    else:
        found = preparation.prepare(
            args.dataset_dir,
            name,
            source_dir=args.source_dir,
            layout=args.layout,
            csv_path=args.csv or None,
            class_list_path=args.class_list or None,
            validation_share=args.validation_share,
            seed=args.seed,
        )
        print(f'{name}: read {found.source}')
        if found.skipped:
            print(
                f'{name}: passed over {len(found.skipped)} files that are no images, such as '
                f'{found.skipped[0]}'
            )
        if found.kept:
            print(f'{name}: the earlier lists are kept as {", ".join(found.kept)}')
        command_line.warn(found.warnings)
    counts = ' and '.join(
        f'{len(split_lists.read_list(path))} {split}'
        for split, path in zip(split_lists.LIST_NAMES, lists, strict=True)
    )
    own_dir = (
        '' if args['dataset_dir'].using_default_value else f' --dataset_dir={args.dataset_dir}'
    )
    print(
        f'{name}: {counts} images of {len(split_lists.read_labels(folder))} classes in {folder}; '
        f'next, python convert_dataset.py --dataset_name={name}{own_dir}'
    )


def find_duplicates(args):
    """Lists the duplicates, and prints how many there are."""
    from slim.datasets import duplicates

    report = duplicates.find_duplicates(
        args.dataset_dir, args.dataset_name, args.against, args.max_distance, args.num_workers
    )
    path = os.path.join(args.dataset_dir, args.dataset_name, duplicates.NAME)
    duplicates.write_csv(path, report.duplicates)
    print('\n'.join(duplicates.summary(report, args.dataset_name)))
    print(f'{args.dataset_name}: {len(report.duplicates)} pairs in {path}')
    command_line.warn(duplicates.problems(report))


def main(args):
    from slim.errors import UserError

    if args.against and not args.find_duplicates:
        raise UserError('--against is of --find_duplicates; give both')
    prepare(args, [name for name in SOURCES if args[name].present])
    if args.find_duplicates:
        find_duplicates(args)


if __name__ == '__main__':
    command_line.run(main, __doc__)
