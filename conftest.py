"""What holds for every test: one thread for each of several workers, Ctrl-C heard, doctests in a folder of their own."""

import os
import signal

import pytest

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # read by torch when it is imported: workers with two threads each would queue
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to Ctrl-C, and training leaves what is ignored ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_folder(request: pytest.FixtureRequest) -> None:
    """Doctests, those of README.md among them, may write files."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
