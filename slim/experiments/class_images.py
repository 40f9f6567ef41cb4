"""Names and example images of classes: from data/, or rendered for a synthetic dataset."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from slim import configs
from slim.datasets import split_lists
from slim.experiments.notebook_data import FeatureSet
from slim.features import source_images
from slim.plots.image_grids import ClassPicture


@dataclass(frozen=True)
class ClassImages:
    """Classes of a domain, with a training image of each class if there are images.

    Attributes:
      names: class names by label; None if they are not known.
      image_of: function that returns the image of a label, a path or, of a synthetic dataset, a
        rendered image; None if image files are missing.
    """

    names: list[str] | None
    image_of: Callable[[int], str | Image.Image] | None

    def name(self, label: int) -> str:
        """Returns the class's name, or its label if the name is not known."""
        return str(label) if self.names is None else self.names[label]

    def picture(self, label: int) -> ClassPicture:
        """Returns a training image of the class with its name; only if `has_pictures`."""
        assert self.image_of is not None
        return ClassPicture(self.image_of(label), self.name(label))

    @property
    def has_pictures(self) -> bool:
        return self.image_of is not None


def find_images(feature_set: FeatureSet, root: str = '.') -> dict[str, ClassImages]:
    """Finds names and images of the classes of each domain of a feature set, below `root`.

    Images of synthetic datasets are rendered, unless this version renders them differently from the
    one that the features were extracted from. Images of other datasets are looked up in data/.

    Raises:
      UserError: if a list of a dataset is invalid.
    """
    names = (*feature_set.sources, *feature_set.targets)
    return {name: _find_images(feature_set, name, root) for name in names}


def _find_images(feature_set: FeatureSet, name: str, root: str) -> ClassImages:
    from slim import synthetic
    from slim.synthetic import DATASETS, definitions

    digest = feature_set.digests.get(name)
    if (
        digest
        and name in DATASETS
        and definitions.definition_digest(DATASETS[name]).startswith(digest)
    ):
        rendered = [one.name for one in definitions.class_descriptions(DATASETS[name])]
        render = functools.partial(synthetic.render_example, name)
        return ClassImages(rendered, functools.cache(render))
    folder = os.path.join(root, configs.DATASET_DIR, feature_set.dataset_of.get(name, name))
    path = split_lists.list_path(folder, source_images.SPLITS['train'])
    listed = split_lists.read_list(path) if os.path.exists(path) else []
    paths = {image.label: os.path.join(folder, image.path) for image in listed}
    has_images = bool(paths) and all(map(os.path.isfile, paths.values()))
    return ClassImages(split_lists.read_labels(folder), paths.__getitem__ if has_images else None)
