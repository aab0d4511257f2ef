"""Examples of every part, and the fixtures that compose them. A new part needs a line here."""

import math

import numpy as np
import pytest
import torch

from diabolo import corruptions, likelihoods, networks, objectives, posteriors, priors, schedules
from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods.counts import Counts
from diabolo.models import LatentModel

ROOMS = {
    "corruption": corruptions,
    "likelihood": likelihoods,
    "network": networks,
    "objective": objectives,
    "posterior": posteriors,
    "prior": priors,
    "schedule": schedules,
}

#: For each room: a name, and how to make that part. test_part_contract.py fails where one is missing.
EXAMPLES = {
    "network": {
        "linear": networks.Linear,
        "mlp": lambda: networks.MLP((8, 5), activation="tanh"),
        "conv1d": lambda: networks.Conv1d((4, 6), kernel_size=3, activation="silu"),
        "conv2d": lambda: networks.Conv2d((4, 6), activation="elu"),
        "dcec": networks.DCEC,
        "resnet": lambda: networks.ResNet((3, 4), n_blocks=1),
    },
    "posterior": {
        "diagonal": posteriors.DiagonalGaussian,
        "full": posteriors.FullGaussian,
        "deterministic": posteriors.Deterministic,
    },
    "prior": {
        "standard": priors.StandardNormal,
        "gaussian": priors.FittedGaussian,
        "mixture": lambda: priors.GaussianMixture(2, "diagonal", seed=1),
        "learned_mixture": lambda: priors.LearnedMixture(3),
        "flow": lambda: priors.Flow("realnvp", n_transforms=2, hidden=(6,)),
        "vamp": lambda: priors.VampPrior(4),
        "second_stage": lambda: priors.SecondStage(
            LatentModel(
                networks.Linear(),
                posteriors.DiagonalGaussian(),
                likelihoods.Gaussian(),
                priors.StandardNormal(),
            ),
            n_draws=3,
        ),
    },
    "likelihood": {
        "gaussian": likelihoods.Gaussian,
        "gaussian_per_feature": lambda: likelihoods.Gaussian("per_feature"),
        "gaussian_data": lambda: likelihoods.Gaussian("data"),
        "gaussian_optimal": lambda: likelihoods.Gaussian("optimal"),
        "laplace": lambda: likelihoods.Laplace(0.5),
        "laplace_learned": likelihoods.Laplace,
        "log_normal": likelihoods.LogNormal,
        "bernoulli": likelihoods.Bernoulli,
        "continuous_bernoulli": likelihoods.ContinuousBernoulli,
        "categorical": lambda: likelihoods.Categorical(4),
        "poisson": likelihoods.Poisson,
        "negative_binomial": likelihoods.NegativeBinomial,
        "mixed": lambda: likelihoods.Mixed(
            ((likelihoods.Categorical(3), (1,)), (likelihoods.Gaussian("per_feature"), None))
        ),
    },
    "corruption": {
        "gaussian": lambda: corruptions.Gaussian(0.3),
        "gaussian_data": corruptions.Gaussian,
        "masking": lambda: corruptions.Masking(0.4, value=0.5),
        "motion": lambda: corruptions.Motion(20.0, shift=0.2),
        "salt_and_pepper": lambda: corruptions.SaltAndPepper(0.2),
    },
    "schedule": {
        "linear": lambda: schedules.Linear(2.0, share=0.5),
        "cosine": lambda: schedules.Cosine(initial=0.1),
        "cyclical": lambda: schedules.Cyclical(n_cycles=2),
        "controlled": lambda: schedules.Controlled(3.0),
    },
    "objective": {
        "elbo": lambda: objectives.ELBO(2.5, n_draws=2),
        "elbo_landing": lambda: objectives.ELBO(gradient="sticking_the_landing"),
        "elbo_free": lambda: objectives.ELBO(free_bits=0.1),
        "capacity": lambda: objectives.Capacity(3.0),
        "clustering": lambda: objectives.Clustering(2.0, refresh_every=2, tolerance=0.0),
        "total_correlation": lambda: objectives.TotalCorrelation(4.0, alpha=0.5, n_draws=2),
        "dip": lambda: objectives.DisentangledInferredPrior(2.0, 3.0, covariance="codes"),
        "adversarial": lambda: objectives.AdversarialTotalCorrelation(hidden=(6,)),
        "constrained": lambda: objectives.Constrained(target_rate=3.0),
        "importance": lambda: objectives.ImportanceWeighted(3),
        "multi_rate": lambda: objectives.MultiRateELBO(n_draws=2),
        "reconstruction": objectives.Reconstruction,
    },
}
EVENTS = {"table": (6,), "signal": (2, 20), "image": (1, 12, 9)}


def pytest_generate_tests(metafunc):
    """Run a test that asks for ``make_<room>``, or for ``make_part``, with every example."""
    for name in metafunc.fixturenames:
        room = name.removeprefix("make_")
        if name == "make_part":
            examples = {f"{r}-{k}": make for r, each in EXAMPLES.items() for k, make in each.items()}
        elif name.startswith("make_") and room in EXAMPLES:
            examples = EXAMPLES[room]
        else:
            continue
        metafunc.parametrize(name, list(examples.values()), ids=list(examples))


@pytest.fixture(autouse=True)
def _seed():
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(0)  # torch.manual_seed formats a stack each time, for CUDA
    yield
    torch.set_rng_state(state)


@pytest.fixture(scope="session")
def rooms():
    return ROOMS


@pytest.fixture(scope="session")
def examples():
    return EXAMPLES


@pytest.fixture(scope="session")
def events():
    return EVENTS


@pytest.fixture(scope="session")
def rows():
    """Return a function that draws rows which suit a likelihood, shape (n_rows, *event)."""

    def rows(likelihood, event, n_rows=12, dtype=torch.float32, seed=3):
        uniform = torch.rand((n_rows, *event), dtype=dtype, generator=torch.Generator().manual_seed(seed))
        if isinstance(likelihood, likelihoods.Bernoulli):
            return uniform.round()
        if isinstance(likelihood, likelihoods.ContinuousBernoulli):
            return uniform
        if isinstance(likelihood, likelihoods.Categorical):
            return (uniform * (likelihood.n_categories or 3)).floor()
        if isinstance(likelihood, likelihoods.LogNormal):
            return (3 + uniform.logit(eps=1e-3)).exp()
        if isinstance(likelihood, Counts):
            return (-4 * uniform.clamp(min=1e-3).log()).floor()
        if isinstance(likelihood, likelihoods.Mixed) and len(event) == 1:
            likelihood = likelihood.resolve(Statistics.of(uniform))
            x = torch.empty_like(uniform)
            for part, columns in likelihood.parts:
                x[:, list(columns)] = rows(part, (len(columns),), n_rows, dtype, seed)
            return x
        return 3 + 2 * uniform.logit(eps=1e-3)

    return rows


@pytest.fixture(scope="session")
def event_for():
    """Return a function that gives a shape of observation that a network, or any other part, reads."""
    kinds = {None: "table", 1: "table", 2: "signal", 3: "image"}
    return lambda part: EVENTS[kinds[getattr(part, "n_event_dims", None)]]


@pytest.fixture(scope="session")
def compose(event_for):
    """Return a function that builds a small model around the parts that are given, in eval mode."""

    def compose(
        x=None, *, network=None, posterior=None, likelihood=None, prior=..., corruption=None, **options
    ):
        network = network or networks.MLP((8,), activation="tanh")
        posterior = posterior or posteriors.DiagonalGaussian()
        likelihood = likelihood or likelihoods.Gaussian()
        if prior is ...:
            prior = priors.StandardNormal() if posterior.has_density else None
        event = options.get("event") or (event_for(network) if x is None else tuple(x.shape[1:]))
        model = LatentModel(network, posterior, likelihood, prior, corruption)
        model.build(Sizes(event, options.get("n_components", 2)))
        model.to(options.get("dtype") or (torch.float32 if x is None else x.dtype))
        if x is not None:
            model.start(Statistics.of(x))
        if getattr(prior, "needs_fit", False):
            prior.fit(torch.linspace(-1, 1, 40).reshape(-1, model.sizes.n_components))
        return model.eval()

    return compose


@pytest.fixture(scope="session")
def hermite():
    """Return Gauss-Hermite noise (n**d, 1, d) and its log-weights (n**d,) for N(0, I), in float64."""

    def hermite(n, d):
        nodes, weights = np.polynomial.hermite_e.hermegauss(n)
        axes = [torch.as_tensor(nodes)] * d
        log_weights = [torch.as_tensor(np.log(weights / math.sqrt(2 * math.pi)))] * d
        grid = torch.cartesian_prod(*axes).reshape(-1, d)
        return grid.unsqueeze(1), torch.cartesian_prod(*log_weights).reshape(-1, d).sum(-1)

    return hermite
