"""Files and names of data sets in, arrays out."""

from .base import Dataset
from .binarise import binarise
from .load import load_data
from .named import NAMES, named
from .readers import read

__all__ = ["NAMES", "Dataset", "binarise", "load_data", "named", "read"]
