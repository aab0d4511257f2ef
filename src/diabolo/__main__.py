"""``python -m diabolo``: the command line."""

import sys

from diabolo.cli import main

if __name__ == "__main__":
    sys.exit(main())
