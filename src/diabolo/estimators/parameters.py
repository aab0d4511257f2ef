"""The documentation of the arguments that every estimator has, written once."""

from __future__ import annotations

from inspect import cleandoc
from typing import TypeVar

T = TypeVar("T", bound=type)

COMMON = """network : str or Network
        Architecture: ``"auto"`` (by the shape of X), ``"linear"``, ``"mlp"``, ``"conv1d"``, ``"conv2d"``,
        ``"dcec"``, ``"resnet"``, or an object from :mod:`diabolo.networks`.
    scale : {"auto", "global", "column"}
        The scale that the network works in: one for the whole array, so that errors keep the
        proportions of X, or one for each column. ``"auto"`` is ``"global"``, except for a
        per-feature likelihood. Columns are always centred.
    input_shape : tuple of int, optional
        Shape of one observation when X is 2-D and its rows are unrolled images or signals.
    channel_axis : int or None or "auto"
        Axis of X that holds channels. ``"auto"``: 2-D X is a table, 3-D grey images, 4-D images
        with channels last, or first where only that axis has the 1 or 3 values of grey or colour
        (``choices_`` says so). An axis makes 3-D X signals; None makes 2-D X signals.
    effort : {"normal", "thorough"}
        Length of training: about 2,000 steps of the optimiser, or ten times that; four fifths of them for a ``VAE``
        of 50,000 rows or more.
    max_epochs : int, optional
        Passes over the rows, in place of ``effort``.
    batch_size : int
        Rows in a step.
    learning_rate : float or "auto"
        Largest learning rate of Adam; it rises over 15 % of the steps and falls to 0 as a cosine. ``"auto"``: in
        proportion to the root of rows over steps, for the more often rows are seen, the easier they are
        learned by heart; 6e-3 at most and 2e-3 at least (``learning_rate_``).
    early_stopping : bool
        Hold out rows, keep the weights that are best on them and stop when these no longer
        improve. With fewer than 20 rows none are held out.
    validation_fraction : float or "auto"
        Share of the rows that is held out. ``"auto"``: a tenth, but of many rows no more than 1,000.
    n_iter_no_change : int
        Checks (one every 40th of the training) without improvement before it stops, counted once the
        learning rate has risen (after .15 of the training).
    warm_start : bool
        Let ``fit`` go on from the weights of the fit before; arguments that make another model are refused then.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    random_state : int, RandomState or None
        Seed of everything random. The same seed on the same machine gives the same bits.
    verbose : int
        1 shows a progress bar, on a terminal."""

FITTED = """model_ : LatentModel
        The trained model, a PyTorch module.
    n_components_ : int
        Dimension of the codes.
    history_ : list of dict
        One row for each check: step, epoch, loss, distortion, rate, and the same of held-out rows.
    learning_rate_ : float
        Largest learning rate.
    choices_ : dict
        What ``"auto"`` chose and why, in words.
    n_iter_, n_steps_ : int
        Epochs begun and steps made.
    stopped_ : str
        Why training ended: "budget", "early", "interrupted" or "diverged".
    row_shape_ : tuple of int
        Shape of one row of X, as it was given.
    n_features_in_ : int
        Number of columns (values in one observation, for images and signals).
    feature_names_in_ : array of str
        Column names, where X had them."""


def documented(cls: T) -> T:
    """Fill ``{common}`` and ``{fitted}`` in a class's docstring."""
    if cls.__doc__:
        # from Python 3.13 on a docstring comes without its indentation
        doc = cleandoc(cls.__doc__)
        cls.__doc__ = doc.replace("{common}", cleandoc(COMMON)).replace("{fitted}", cleandoc(FITTED))
    return cls
