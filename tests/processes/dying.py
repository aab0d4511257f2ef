"""``diabolo`` under torchrun, with a second process that is killed once: ``dying.py STEP WORDS...``."""

import os
import signal
import sys

from diabolo.cli import main
from diabolo.training import Checkpoints

whole, steps = Checkpoints.after_step, []


def after_step(self, state):
    """Write the checkpoint, and die at the step of the first attempt."""
    whole(self, state)
    steps.append(0)
    if len(steps) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        Checkpoints.after_step = after_step
    sys.exit(main(sys.argv[2:]))
