"""Bytes on disk: whole or not at all, checked when read, never pickled."""

from .array_file import write_npy
from .atomic import write_atomic
from .generations import Generations
from .lock import FolderLock
from .model_file import ModelFileError, read_model, write_model
from .run_folder import write_csv, write_json
from .tree import pack, unpack

__all__ = [
    "FolderLock",
    "Generations",
    "ModelFileError",
    "pack",
    "read_model",
    "unpack",
    "write_atomic",
    "write_csv",
    "write_json",
    "write_model",
    "write_npy",
]
