"""The commands: names, one line each, an example each; their code is imported when one is run."""

from __future__ import annotations

from typing import Any, NamedTuple

from cyclopts import App, Group

from .config import from_file
from .errors import EXIT_CODES


class Command(NamedTuple):
    """One command: where its code lies, what it does, how it is used."""

    target: str
    about: str
    example: str


COMMANDS = {
    "fit": Command(
        "fit:fit",
        "Train an auto-encoder or a VAE on a file, a folder or a named data set.",
        "diabolo fit X.npy --model vae --n-components 16 --out runs/x",
    ),
    "sweep": Command(
        "sweep:sweep",
        "Train a VAE at several weights of the rate, and draw distortion over rate.",
        "diabolo sweep X.npy --beta 0.1:10:9 --out runs/x-sweep",
    ),
    "cluster": Command(
        "cluster:cluster",
        "Find clusters of rows among the codes of an auto-encoder.",
        "diabolo cluster X.npy --n-clusters 10 --out runs/x-clusters",
    ),
    "encode": Command("codes:encode", "Turn rows into codes.", "diabolo encode runs/x X.npy --out Z.npy"),
    "decode": Command("codes:decode", "Turn codes into rows.", "diabolo decode runs/x Z.npy --out X.npy"),
    "reconstruct": Command(
        "restore:reconstruct",
        "Encode rows and decode them again.",
        "diabolo reconstruct runs/x X.npy --out X_hat.npy",
    ),
    "denoise": Command(
        "restore:denoise",
        "Restore noisy rows with a denoising model.",
        "diabolo denoise runs/x noisy.npy --out clean.npy",
    ),
    "sample": Command(
        "generate:sample",
        "Generate new rows.",
        "diabolo sample runs/x -n 64 --latent aggregate --out samples.png",
    ),
    "fit-prior": Command(
        "generate:fit_prior",
        "Fit a density to the codes of a trained model, to sample from and to score with.",
        "diabolo fit-prior runs/x --prior gaussian_mixture && diabolo sample runs/x --latent ex_post",
    ),
    "interpolate": Command(
        "generate:interpolate",
        "Decode the straight line between the codes of two rows.",
        "diabolo interpolate runs/x X.npy --rows 0,5 -n 10 --out line.png",
    ),
    "evaluate": Command(
        "judge:evaluate",
        "Measure a model on rows, by default those that its training has not seen.",
        "diabolo evaluate runs/x X_test.npy --json",
    ),
    "diagnose": Command(
        "judge:diagnose",
        "Say what the latent space holds: rates, collapse, holes; by default of the held-out rows, or of all if these are few.",
        "diabolo diagnose runs/x",
    ),
    "export": Command(
        "export:export",
        "Write a model as ONNX files, or torch.export programs, for other programs.",
        "diabolo export runs/x --onnx --what encoder --out encoder.onnx",
    ),
    "info": Command("judge:info", "Say what a model is and how it was trained.", "diabolo info runs/x"),
    "report": Command(
        "judge:report",
        "Write the page of pictures of a run again.",
        "diabolo report runs/x --out report.html",
    ),
}


def build_app() -> App:
    """Return the application; nothing heavy is imported until a command runs.

    Examples
    --------
    >>> "encode" in build_app()
    True
    """
    from diabolo import __version__

    app = App(
        name="diabolo",
        help="Auto-encoders and variational auto-encoders for your own arrays.\n\n"
        "Begin with: diabolo fit digits. A RUN is the folder that fit makes, or a .diabolo file.",
        version=f"diabolo {__version__}",
        help_epilogue=EXIT_CODES,
        help_format="plaintext",
        group_parameters=Group("Options", sort_key=2),
        suppress_keyboard_interrupt=False,
    )
    for name, command in COMMANDS.items():
        more: dict[str, Any] = {"config": from_file} if name in ("fit", "sweep", "cluster") else {}
        app.command(
            f"diabolo.cli.{command.target}",
            name=name,
            help=command.about,
            help_epilogue=f"Example: {command.example}",
            sort_key=list(COMMANDS).index(name),
            **more,
        )
    return app
