"""How datasets lie on disk before they become lists: nine official archives, and own images.

A row of `LAYOUTS` describes one archive: the folders it unpacks to, the files it needs, and the
function that reads them into a `Listing`. To add an archive, write such a function and a row in the
module of its family. `own_images` reads folders and CSV files of any other dataset.

    listing.py        layouts and listings; locates a layout and checks a listing
    fine_grained.py   CUB-200-2011, NABirds, FGVC-Aircraft, Food-101, Flowers-102, Stanford Cars and
                      Stanford Dogs
    imagenet.py       ILSVRC2012
    inaturalist.py    iNaturalist 2017 with the paper's split
    own_images.py     one folder per class, or a CSV file
    readers.py        reads text files, MATLAB files and folders
"""

from slim.datasets.layouts import fine_grained, imagenet, inaturalist
from slim.datasets.layouts.listing import Layout, Listing

# Keys are the names of `catalogue.CATALOGUE`.
LAYOUTS = {
    **fine_grained.LAYOUTS,
    'ILSVRC2012': imagenet.ILSVRC2012,
    'inat2017': inaturalist.INAT2017,
}

__all__ = ['LAYOUTS', 'Layout', 'Listing']
