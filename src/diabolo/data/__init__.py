"""Files and names of data sets in, arrays out, or sources of rows that are read in blocks."""

from .base import Dataset
from .binarise import binarise
from .blocks import CsvSource, ImageSource, ParquetSource, can_open, open_data
from .load import load_data
from .mapped import ArraySource
from .named import NAMES, named
from .readers import read
from .sprites import Sprites

__all__ = [
    "NAMES",
    "ArraySource",
    "CsvSource",
    "Dataset",
    "ImageSource",
    "ParquetSource",
    "Sprites",
    "binarise",
    "can_open",
    "load_data",
    "named",
    "open_data",
    "read",
]
