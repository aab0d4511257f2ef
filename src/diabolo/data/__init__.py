"""Files and names of data sets in, arrays out, or sources of rows that are read in blocks."""

from .base import Dataset
from .binarise import binarise
from .blocks import CsvSource, ImageSource, ParquetSource, can_open, open_data
from .drawing import draw_rows
from .load import load_data
from .mapped import ArraySource
from .memory import memory_bytes
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
    "draw_rows",
    "load_data",
    "memory_bytes",
    "named",
    "open_data",
    "read",
]
