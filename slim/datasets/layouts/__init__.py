"""How datasets lie on disk before they are lists: nine official archives, and any folder.

A row of `LAYOUTS` is one archive: the folders it unpacks to, the files that must be there, and the
function that reads them into a `Listing`. A new archive is a function in the module of its family,
and a row here. `free` reads folders and CSV files of any other dataset.

    listing.py        what a layout and a listing are; finding a layout, checking a listing
    caltech.py        CUB-200-2011, NABirds
    text_lists.py     FGVC-Aircraft, Food-101
    matlab_lists.py   Flowers-102, Stanford Cars, Stanford Dogs
    imagenet.py       ILSVRC2012
    inaturalist.py    iNaturalist 2017 with the paper's split
    free.py           a folder for each class, or a CSV file
    text.py  matlab.py  folders.py   how files and folders are read here
"""

import types

from slim.datasets.layouts import caltech, imagenet, inaturalist, matlab_lists, text_lists
from slim.datasets.layouts.listing import Layout, Listing

# By the names of `catalogue.CATALOGUE`.
LAYOUTS = types.MappingProxyType(
    {
        'cub_200': caltech.CUB_200,
        'nabirds': caltech.NABIRDS,
        'aircraft': text_lists.AIRCRAFT,
        'flower_102': matlab_lists.FLOWER_102,
        'food_101': text_lists.FOOD_101,
        'stanford_cars': matlab_lists.STANFORD_CARS,
        'stanford_dogs': matlab_lists.STANFORD_DOGS,
        'ILSVRC2012': imagenet.ILSVRC2012,
        'inat2017': inaturalist.INAT2017,
    }
)

__all__ = ['LAYOUTS', 'Layout', 'Listing']
