"""What stands in a report: sections of pictures with captions, for one fitted estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from diabolo.estimators.trade_off import rate_distortion
from diabolo.report import clusters, compression, diagnosis, latent, learning, observations, paths
from diabolo.report.densities import Prior, in_words, is_gaussian_product, single
from diabolo.report.judgement import judgement
from diabolo.report.numbers import plain
from diabolo.report.rate_distortion import plot_rate_distortion
from diabolo.report.view import View, spaced

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEWEST_FOR_A_MAP = 200
_FEWEST_TO_DIAGNOSE = 50
_MOST_ROWS_TO_JUDGE = 1000
_STEPS = 9


@dataclass(frozen=True)
class Panel:
    """A picture, its title, and a caption in HTML written here (nothing of the user's)."""

    figure: Figure
    title: str
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class Slider:
    """Pictures of which one step at a time is shown; the caption is in HTML written here.

    Parameters
    ----------
    title, caption : str
        As of a panel.
    name : str
        What the steps are values of.
    steps : list of (label, figures)
        At most nine.
    shown : int
        The step that stands first.
    """

    title: str
    caption: str
    name: str
    steps: list[tuple[str, list[Figure]]]
    shown: int = 0


@dataclass(frozen=True)
class Section:
    """Pictures of one family."""

    title: str
    panels: Sequence[Panel | Slider]
    formula: str = ""


@dataclass(frozen=True)
class Material:
    """What the sections are drawn from.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    train, test : array
        Rows; ``test`` are those shown, which are training rows when no others were given.
    held_out : bool
        Whether ``test`` are rows of their own.
    metrics : mapping
        ``evaluate(test).as_dict()``.
    noisy : array, optional
        Noisy versions of ``test``.
    labels : array, optional
        Classes or numbers of ``test``, for the map.
    shares : array, optional
        How far ``train`` belongs to each cluster, of a clustering.
    """

    estimator: Any
    train: np.ndarray
    test: np.ndarray
    held_out: bool
    metrics: Mapping[str, Any]
    noisy: np.ndarray | None = None
    labels: np.ndarray | None = None
    shares: np.ndarray | None = None
    view: View = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "view", View.of(self.estimator, self.train))

    @property
    def generative(self) -> bool:
        """Whether each row has a distribution of codes."""
        return hasattr(self.estimator, "sample_codes")

    @property
    def rows(self) -> str:
        """What the rows shown are."""
        return "test rows" if self.held_out else "training rows"

    @property
    def scale(self) -> str:
        """How values become grey."""
        view = self.view
        if view.kind == "image":
            extra = ""
            if view.channel_axis is not None and view.shape[view.channel_axis] not in (1, 3):
                extra = " Of the channels, the first " + (
                    "one is" if view.shape[view.channel_axis] < 3 else "three are"
                )
                extra += " shown."
            return f" Black is {plain(view.low)} and full brightness {plain(view.high)} everywhere.{extra}"
        if view.kind == "table":
            return " Each column is in its own standard units: 0 is its mean, 1 its standard deviation."
        return "" if view.channel_axis is None else " The first channel is shown."


def all_sections(material: Material) -> list[Section]:
    """Return every section that the estimator has something to show in, in reading order."""
    makers = (
        _clusters,
        _learning,
        _trade_off,
        _reconstruction,
        _denoising,
        _samples,
        _latent,
        _diagnosis,
        _paths,
        _compression,
    )
    return [section for maker in makers if (section := maker(material)) is not None]


def _given(m: Material, rest: str) -> str:
    dots = m.view.kind == "table" and m.view.n_values <= 64
    return f"{'Dots are' if dots else 'The thin line is'} what was given, {rest}"


def _clusters(m: Material) -> Section | None:
    if m.shares is None:
        return None
    kind = "" if m.view.kind == "image" else " The orange line is the decoded centre, blue lines are rows."
    panels = [
        Panel(
            clusters.plot_centres(m.estimator, m.train, view=m.view),
            "Centres, decoded",
            "What the decoder makes of the centre of each cluster: its number and its share of the rows, the largest "
            f"first.{m.scale}",
        ),
        Panel(
            latent.plot_latent(m.estimator, m.train, m.shares.argmax(1).astype(str), view=m.view),
            "Map of the codes by cluster",
            "Each point is the code of a row, coloured by its cluster"
            + (
                ", whose number stands where they are; colours return"
                if latent.named(m.shares.argmax(1))
                else ""
            )
            + (
                "."
                if m.estimator.n_components_ < 3
                else "; what lies on top of each other here may be apart in the other dimensions."
            ),
        ),
        Panel(
            clusters.plot_members(m.estimator, m.train, "typical", shares=m.shares, view=m.view),
            "The most typical of each cluster",
            "One line for each cluster, by its number: first its decoded centre, then the rows that belong to it most "
            f"surely.{kind}",
        ),
        Panel(
            clusters.plot_members(m.estimator, m.train, "uncertain", shares=m.shares, view=m.view),
            "The most uncertain of each cluster",
            "The same with the rows that belong to their cluster least surely. Where these are of another kind than "
            f"the typical ones, a cluster holds more than one thing.{kind}",
        ),
    ]
    scores = m.metrics.get("clustering")
    if scores:
        panels.append(
            Panel(
                clusters.plot_confusion(scores),
                "Known classes and clusters",
                "Rows of each class in each cluster; clusters are matched one to one to classes and in their order, those "
                f"left over last. Accuracy {scores['accuracy']:.1%}, normalised mutual information "
                f"{scores['normalised_mutual_information']:.3f}, adjusted Rand index "
                f"{scores['adjusted_rand_index']:.3f}. The classes were used for this count alone.",
            )
        )
    formula = (
        "q<sub>ik</sub> ∝ 1 / (1 + ‖z<sub>i</sub> − m<sub>k</sub>‖²) &emsp; p<sub>ik</sub> ∝ q<sub>ik</sub>² / Σ<sub>i</sub> q<sub>ik</sub>, "
        "with q<sub>ik</sub> s<sub>ik</sub> for q<sub>ik</sub> if a graph gave shares s at the start"
    )
    return Section("Clusters", panels, formula)


def _learning(m: Material) -> Section | None:
    history = getattr(m.estimator, "history_", None)
    if not history:
        return None
    held = "val_loss" in history[-1]
    how = "Solid: training batches; dashed: rows held out of training, which chose the weights that were kept (dotted line)."
    if not held:
        how = "Averages over training batches; no rows were held out, the last weights were kept."
    panels = [
        Panel(
            learning.plot_history(m.estimator, ["distortion"]),
            "Distortion",
            f"How badly x is explained by its codes, −E<sub>q</sub> log p(x|z): lower is better. {how} "
            "The first checks may lie above the frame.",
        )
    ]
    if "divergence" in history[-1]:
        panels.append(
            Panel(
                learning.plot_history([row for row in history if "divergence" in row], ["divergence"]),
                "Divergence",
                "How far the assignments to clusters are from their sharper target, KL(P ‖ Q), in the second stage. It "
                "rises where a new target asks for more, and falls while clusters draw apart.",
            )
        )
    if "rate" in history[-1]:
        panels.append(
            Panel(
                learning.plot_history(m.estimator, ["rate"]),
                "Rate",
                "What the codes say about x, KL(q(z|x) ‖ p(z)), without β: it usually rises while the model finds "
                "that information pays, then settles.",
            )
        )
    formula = "loss = distortion + β · rate = −E<sub>q</sub> log p(x|z) + β · KL(q(z|x) ‖ p(z))"
    if "divergence" in history[-1]:
        formula = "loss = distortion + w KL(P ‖ Q), w = γ · values / 2; the first stage without clusters"
    elif "rate" not in history[-1]:
        formula = "loss = distortion = −log p(x | z), z = E(x), per row in nats"
    return Section("Learning", panels, formula)


def _trade_off(m: Material) -> Section | None:
    if not hasattr(m.estimator, "beta_range"):
        return None
    betas, default = _betas(m.estimator)
    rows = m.test[spaced(len(m.test), _MOST_ROWS_TO_JUDGE)]
    curve = rate_distortion(m.estimator, rows, betas)
    bound = bool(m.metrics.get("is_density", True))
    panels: list[Panel | Slider] = [
        Panel(
            plot_rate_distortion(curve, bound=bound),
            "Distortion over rate",
            f"The whole curve from this one fit, on {len(rows):,} of the {m.rows}: the larger β, the less the codes may say "
            "about x, and the worse it comes back. Lines of slope −1 have one ELBO.",
        ),
        Slider(
            "The model at each β",
            f"Choose β: {m.rows} beside what comes back, and new observations from the prior. In code it is "
            f"chosen by name, as in <code>reconstruct(X, beta=…)</code>.{m.scale}",
            "β",
            [(f"{beta:.2g}", _at(m, beta)) for beta in betas],
            betas.index(default),
        ),
    ]
    return Section("The whole trade-off", panels, "one fit for every β: distortion + β · rate")


def _betas(estimator: Any) -> tuple[list[float], float]:
    """Return betas evenly spaced in their logarithm, the default among them, and the default."""
    default = float(estimator.at().beta)
    low, high = (float(end) for end in estimator.beta_range)
    betas = np.geomspace(low, high, _STEPS)
    betas[1 + np.abs(np.log(betas[1:-1] / default)).argmin()] = default
    return [low, *betas[1:-1].tolist(), high], default


def _at(m: Material, beta: float) -> list[Figure]:
    vae = m.estimator.at(beta)
    few = 8 if m.view.kind == "image" else 2
    return [
        observations.plot_reconstructions(vae, m.test, few, view=m.view),
        observations.plot_samples(vae, 16, X=m.train, view=m.view),
    ]


def _reconstruction(m: Material) -> Section:
    n = 16 if m.view.kind == "image" else 6
    colour = "" if m.view.kind == "image" else " " + _given(m, "blue is what came back.")
    panels = [
        Panel(
            observations.plot_reconstructions(m.estimator, m.test, n, view=m.view),
            "Originals beside reconstructions",
            f"Evenly spaced {m.rows}, and what is left of each after passing through {m.estimator.n_components_} "
            f"number{'s' if m.estimator.n_components_ > 1 else ''}.{colour}{m.scale}",
        )
    ]
    if m.view.kind == "table" and m.view.n_values > 1:
        some = m.test if len(m.test) >= 5 else m.train
        panels.append(
            Panel(
                observations.plot_features(m.estimator, some, view=m.view),
                "Column by column",
                f"{'Test rows' if some is m.test and m.held_out else 'Training rows'}. Across: the value given; up: its reconstruction. Points on the diagonal are kept perfectly; columns "
                "run from the best kept to the worst, by R² = 1 − squared error / variance.",
            )
        )
    return Section("Reconstruction", panels, "H(x) = D(E(x)) ≈ x")


def _denoising(m: Material) -> Section | None:
    if not hasattr(m.estimator, "denoise"):
        return None
    noise = "the real noisy rows" if m.noisy is not None else "noise drawn by the model's corruption"
    look = "" if m.view.kind == "image" else " " + _given(m, "orange the noisy row, blue what was restored.")
    figure = observations.plot_denoising(m.estimator, m.test, m.noisy, view=m.view)
    caption = f"Clean {m.rows}, the same with {noise}, and what the model makes of the noisy ones alone.{look}{m.scale}"
    return Section(
        "Denoising", [Panel(figure, "Clean, noisy, denoised", caption)], "‖H(x̃) − x‖, x̃ = x + noise"
    )


class _Sampler(NamedTuple):
    """A place where codes are drawn, its title, and caption and formula in HTML."""

    latent: Any
    title: str
    caption: str
    formula: str


def _samples(m: Material) -> Section | None:
    samplers = _samplers(m)
    if not samplers:
        return None
    formula = " &emsp; ".join(sampler.formula for sampler in samplers)
    return Section("Samples", [_sampled(m, sampler) for sampler in samplers], formula)


def _samplers(m: Material) -> list[_Sampler]:
    found = []
    if m.generative:
        near = "Codes drawn from the posteriors of training rows, near what the decoder has seen."
        found += [
            _Sampler("aggregate", "Option 1: aggregated posterior", near, "option 1: z ~ (1/n) Σᵢ q(z|xᵢ)"),
            _of_prior(m.estimator),
        ]
    if hasattr(m.estimator, "ex_post_prior_"):
        found.append(_of_fitted_density(m.estimator.ex_post_prior_))
    return found


def _of_prior(estimator: Any) -> _Sampler:
    part = single(estimator).model_.prior
    words, formula = in_words(part)
    if Prior(estimator).is_standard_normal:
        words, formula = "N(0, I), without any data", "N(0, I)"
        close = "the better the codes fill the prior"
    else:
        trained = any(True for _ in part.parameters())
        words = f"the prior p(z), {words}{', trained with the model' if trained else ''}"
        close = "the better the prior covers the codes and nothing else"
    caption = f"Codes drawn from {words}. The closer to option 1, {close}."
    return _Sampler("prior", "Option 2: prior", caption, f"option 2: z ~ p(z){_is(formula)}")


def _of_fitted_density(part: Any) -> _Sampler:
    words, formula = in_words(part)
    caption = (
        f"The decoder as a generative model: codes drawn from {words}, fitted to the codes of rows after training. "
        "Encoder and decoder stayed as they were."
    )
    title = "Density fitted afterwards"
    return _Sampler("ex_post", title, caption, f"fitted afterwards: z ~ p̂(z){_is(formula)}")


def _is(formula: str) -> str:
    return f" = {formula}" if formula else ""


def _sampled(m: Material, sampler: _Sampler) -> Panel:
    mean = "the mean of p(x|z), without its scatter" if m.generative else "what they decode to"
    shown = "a draw from p(x|z)" if observations.shown_by_default(m.estimator) == "draw" else mean
    band = {
        "image": "",
        "signal": " Grey: where 90 % of the data lie.",
        "table": " Grey: the training rows; the plane is that of their first two principal components.",
    }[m.view.kind]
    is_density = bool(m.metrics.get("is_density", True))
    figures = judgement(m.estimator, m.test, sampler.latent, m.rows, is_density=is_density)
    figure = observations.plot_samples(m.estimator, latent=sampler.latent, X=m.train, view=m.view)
    return Panel(figure, sampler.title, f"{sampler.caption} Shown is {shown}.{band} {figures}".rstrip())


def _latent(m: Material) -> Section:
    rows, labels, said = m.test, m.labels, m.rows
    if len(rows) < _FEWEST_FOR_A_MAP and m.held_out and labels is None:
        rows, said = m.train, "training rows"
    d = m.estimator.n_components_
    if d == 1:
        read = "Histogram of the codes, one number for each row."
    elif d == 2:
        read = "Each point is the code of a row, as it is."
    else:
        read = f"Each point is the code of a row; the {d} dimensions are projected on their first two principal components."
    if m.generative:
        if d == 2:
            read += _dashed(Prior(m.estimator))
        read += (
            " The curve is the prior."
            if d == 1
            else " Ellipses: posteriors q(z|x) of some rows at two deviations."
        )
    if labels is not None:
        read += " Colours are those of the labels that were given" + (
            ", not of the clusters." if m.shares is not None else "."
        )
    if d > 1 and m.view.kind == "image" and labels is None:
        read += " Small pictures are the observations whose codes lie there."
    figure = latent.plot_latent(m.estimator, rows, labels, view=m.view)
    panels = [Panel(figure, f"Map of the codes of {said}", read)]
    if d > 1 and m.metrics.get("rate_per_dimension"):  # empty for a prior that cannot tell its moments
        panels.append(_rates(m))
    return Section(
        "Codes", panels, "z = E(x)" if not m.generative else "q(z|x) = N(μ<sub>x</sub>, σ<sub>x</sub>²)"
    )


def _dashed(prior: Prior) -> str:
    if prior.is_standard_normal:
        return " Dashed rings: one and two standard deviations of the prior."
    one, two = (f"{100 * share:.0f}" for share in latent.SHARES)
    return (
        f" Dashed lines: the smallest regions that hold {one} and {two} % of the prior, as much as rings at one and two "
        "standard deviations of N(0, I)."
    )


def _rates(m: Material) -> Panel:
    means = m.estimator.transform(m.test)
    active = means.var(0) > 0.01 if len(means) > 1 else None
    use = "A unit is in use when its mean varies over rows (variance above 0.01)"
    if is_gaussian_product(Prior(m.estimator).distribution):
        what = f"KL(q(z<sub>j</sub>|x) ‖ p(z<sub>j</sub>)), averaged over {m.rows}"
        use += "; one that is not in use equals the prior and costs nothing."
    else:
        what = (
            "KL(q(z<sub>j</sub>|x) ‖ N(m<sub>j</sub>, s<sub>j</sub>²)) with the mean and the variance of the prior, "
            f"averaged over {m.rows}. The prior is no product of Gaussians, so these need not add up to the rate"
        )
        use += "."
    caption = f"How many nats each dimension carries about x, {what}. {use}"
    return Panel(latent.plot_rates(m.metrics["rate_per_dimension"], active), "Rate per dimension", caption)


def _diagnosis(m: Material) -> Section | None:
    rows, said = (m.test, m.rows) if len(m.test) >= _FEWEST_TO_DIAGNOSE else (m.train, "training rows")
    if len(rows) < _FEWEST_TO_DIAGNOSE:
        return None
    found = m.estimator.diagnose(rows)
    sentences = " ".join(sentence[0].upper() + sentence[1:] for sentence in map(escape, found.findings))
    panels = []
    if m.generative:
        panels.append(
            Panel(
                diagnosis.plot_surgery(found.surgery),
                "The rate, taken apart",
                "The mean KL(q(z|x) ‖ p(z)) of the training rows is what the codes tell of the row (mutual information, "
                f"at most ln n for n rows) and what all codes together are away from the prior{_parts(found.surgery)}. "
                "A classifier tells codes from draws of "
                f"the prior with an area under the curve of {found.prior_test.auc:.2f} (two halves of the codes: "
                f"{found.prior_test.floor:.2f}; 0.5 cannot be told apart). {_on_the_whole(m, found, said)}",
            )
        )
    panels.append(
        Panel(
            diagnosis.plot_continuity(found.continuity),
            "Holes between codes",
            "How often the straight line between two codes is where hardly any code lies: below the density that "
            f"{found.continuity.quantile:.0%} of codes themselves fall under. The line across: how many draws of "
            f"{'the prior' if m.generative else 'a Gaussian with the mean and the covariance of the codes'} lie there.",
        )
    )
    panels[0] = replace(panels[0], caption=f"{panels[0].caption} <b>{sentences or 'Nothing stands out.'}</b>")
    formula = (
        "rate = I<sub>q</sub>(x; z) + KL(q(z) ‖ p(z)) &emsp; q(z) = (1/n) Σᵢ q(z|xᵢ)" if m.generative else ""
    )
    return Section("What the latent space holds", panels, formula)


def _parts(surgery: Any) -> str:
    """Say what the distance to the prior is made of, where the prior is factorised."""
    if surgery.dimension_wise_kl is None:
        return f" (the total correlation of the codes is {surgery.total_correlation:.2f} nats)"
    return ": dependence between dimensions (total correlation), and each dimension by itself"


def _on_the_whole(m: Material, found: Any, rows: str) -> str:
    """Say the numbers of a diagnosis that no picture shows."""
    entropy, beta = found.aggregate_cross_entropy, found.effective_beta
    weight = (
        f"Effective β {plain(beta)}: the weight of the rate against half the squared error in units of the data's "
        "deviation."
    )
    if beta == single(m.estimator).beta_:
        weight = f"The weight of the rate is β = {plain(beta)}."
    return (
        f"ELBO of {found.n_rows:,} {rows} {plain(found.elbo)} ± {found.elbo_se:.2g} nats per row, "
        f"{plain(found.baseline)} by the same likelihood without codes, about the mean of each column. {weight} "
        f"The codes of these rows have −log q(z) = {plain(entropy.value)} ± {entropy.value_se:.2g} nats per row under the aggregated posterior q(z) of "
        f"{entropy.n_components_of_mixture:,} training rows (a cross-entropy, in units of the codes)."
    )


def _paths(m: Material) -> Section | None:
    panels = []
    if len(m.test) > 1:
        first, last = _pairs(m.estimator.transform(m.test), 6 if m.view.kind == "image" else 4)
        panels.append(
            Panel(
                paths.plot_interpolation(m.estimator, m.test[first], m.test[last], view=m.view),
                "Interpolations",
                f"From one of the {m.rows} (left) to another (right) on the straight line between their codes, decoded at ten points."
                if m.view.kind == "image"
                else f"From one of the {m.rows} (blue) to another (orange) on the straight line between their codes.",
            )
        )
    rows = m.train[spaced(len(m.train), 2000)]
    panels.append(
        Panel(
            paths.plot_traversal(m.estimator, rows, view=m.view),
            "Traversals",
            "One dimension of the code moves from its 1st to its 99th percentile, the others stay at their mean; the "
            "dimensions that vary most come first.",
        )
    )
    return Section("Ways through the codes", panels, "D((1 − t) z₀ + t z₁)")


def _compression(m: Material) -> Section | None:
    curve = m.metrics.get("compression")
    if (
        not curve
        or not len(curve["bits_per_row"])
        or not np.isfinite(curve["mse"]).all()
        or max(curve["bits_per_row"]) <= 0
    ):
        return None
    caption = (
        "Codes rounded to a grid, finer to the right: bits an ideal entropy coder of independent dimensions needs for a "
        f"row, against the error of what is decoded, on {m.rows}."
    )
    if np.isfinite(np.asarray(curve["pca_mse"], dtype=float)).any():
        caption += (
            " PCA has as many components and is fitted on the very rows that are measured, which favours it."
        )
    if curve.get("by_column"):
        caption += " Each column counts in units of its scale, as in the fit."
    return Section("Compression", [Panel(compression.plot_compression(curve), "Bits against error", caption)])


def _pairs(codes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose pairs of rows: evenly spaced first ends, each with the median-far of the other rows' codes."""
    first = spaced(len(codes), n)
    last = []
    for i in first:
        distance = np.square(codes - codes[i]).sum(1)
        order = np.argsort(distance, kind="stable")
        last.append(order[min(len(order) - 1, round(0.75 * len(order)))])
    return first, np.asarray(last)
