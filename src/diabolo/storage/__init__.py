"""Bytes on disk: whole or not at all, checked when read, never pickled."""

from .atomic import write_atomic
from .model_file import ModelFileError, read_model, write_model
from .run_folder import write_csv, write_json

__all__ = ["ModelFileError", "read_model", "write_atomic", "write_csv", "write_json", "write_model"]
