"""The command line: ``diabolo fit digits`` and what follows."""

from .main import main

__all__ = ["main"]
