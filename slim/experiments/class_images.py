"""Names and example images of classes: from data/, or rendered for a synthetic dataset."""

import functools
import os
from dataclasses import dataclass, field

from PIL import Image

from slim import configs
from slim.datasets import split_lists
from slim.experiments.notebook_data import FeatureSet
from slim.features import source_images
from slim.plots.class_grids import ClassPicture


@dataclass(frozen=True)
class ClassImages:
    """Classes of a domain, with an image of each class if there are images.

    Attributes:
      domain: name of the domain.
      names: class names by label; None if they are not known.
      paths: label -> path of a training image; empty if image files are missing.
      is_synthetic: whether images can be rendered.
    """

    domain: str
    names: list[str] | None = None
    paths: dict[int, str] = field(default_factory=dict)
    is_synthetic: bool = False

    def name(self, label: int) -> str:
        """Returns the class's name, or its label if the name is not known."""
        return str(label) if self.names is None else self.names[label]

    def picture(self, label: int) -> ClassPicture:
        """Returns a training image of the class with its name; only if `has_pictures`."""
        if self.is_synthetic:
            return ClassPicture(_render(self.domain, label), self.name(label))
        return ClassPicture(self.paths[label], self.name(label))

    @property
    def has_pictures(self) -> bool:
        return self.is_synthetic or bool(self.paths)


@functools.cache
def _render(dataset_name: str, label: int) -> Image.Image:
    from slim import synthetic

    return synthetic.render_example(dataset_name, label)


def find_images(feature_set: FeatureSet, root: str = '.') -> dict[str, ClassImages]:
    """Finds names and images of the classes of each domain of a feature set.

    Images of synthetic datasets are rendered, unless this version renders them differently from the
    one that the features were extracted from. Images of other datasets are looked up in data/.

    Args:
      feature_set: domains and the names of their datasets.
      root: folder of the repository.

    Raises:
      UserError: if a list of a dataset is invalid.
    """
    names = (*feature_set.sources, *feature_set.targets)
    return {name: _find_images(feature_set, name, root) for name in names}


def _find_images(feature_set: FeatureSet, name: str, root: str) -> ClassImages:
    from slim.synthetic import DATASETS, definitions

    digest = feature_set.digests.get(name)
    if (
        digest
        and name in DATASETS
        and definitions.definition_digest(DATASETS[name]).startswith(digest)
    ):
        rendered = [one.name for one in definitions.class_descriptions(DATASETS[name])]
        return ClassImages(name, rendered, is_synthetic=True)
    folder = os.path.join(root, configs.DATASET_DIR, feature_set.dataset_of.get(name, name))
    names = split_lists.read_labels(folder)
    path = split_lists.list_path(folder, source_images.SPLITS['train'])
    listed = split_lists.read_list(path) if os.path.exists(path) else []
    paths = {image.label: os.path.join(folder, image.path) for image in listed}
    return ClassImages(name, names, paths if all(map(os.path.isfile, paths.values())) else {})
