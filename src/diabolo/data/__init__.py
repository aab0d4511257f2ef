"""Files and names of data sets in, arrays out."""

from .base import Dataset
from .binarise import binarise
from .load import load_data
from .named import NAMES, named
from .readers import read
from .sprites import Sprites

__all__ = ["NAMES", "Dataset", "Sprites", "binarise", "load_data", "named", "read"]
