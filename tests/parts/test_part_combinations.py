"""Every combination of parts trains two steps with finite terms, or is refused with the right sentence."""

from itertools import product

import pytest
import torch

from diabolo.contracts import Sizes, Statistics
from diabolo.models import LatentModel
from diabolo.networks import Linear
from diabolo.objectives import ELBO, Reconstruction
from diabolo.posteriors import Deterministic
from diabolo.training import Plan, train


def sentence(posterior, likelihood, prior, corruption, objective, event):
    """Return what the refusal must say, or None where the combination has a meaning; from the theory."""
    kind = type(objective).__name__
    if getattr(likelihood, "n_event_dims", len(event)) != len(event):
        return "is for tables, and one observation has the shape"
    if kind == "Clustering":
        return "draws codes to the centres of clusters, and this model has none: use models.Clustered"
    if kind != "Reconstruction" and not posterior.has_density:
        return f"objective={kind}.* needs a posterior with a density and a prior.*use posterior=Diagonal"
    if kind == "MultiRateELBO":
        return "weights the rate of each row by a beta of its own, and this model draws none: use models.MultiRate"
    if kind == "Reconstruction" and posterior.has_density:
        return "objective=Reconstruction\\(\\) is for a deterministic posterior.*use ELBO\\(\\)"
    if prior is not None and not posterior.has_density:
        return "(?s)has no density, so its divergence from prior=.* does not exist: use posterior="
    if prior is None and posterior.has_density:
        return "needs a prior, or nothing keeps its scale from vanishing: use prior="
    if getattr(corruption, "n_event_dims", len(event)) != len(event):
        return "turns and shifts images .channels, height, width., but one observation has the shape"
    if getattr(prior, "needs_fit", False):
        return "is fitted to codes after the model has been trained, and it has not been: call its fit"
    names = (type(posterior).__name__, type(prior).__name__)
    if getattr(objective, "free_bits", 0) and names != ("DiagonalGaussian", "StandardNormal"):
        return "a rate for each dimension needs a diagonal Gaussian posterior and prior"
    if kind == "TotalCorrelation" and names != ("DiagonalGaussian", "StandardNormal"):
        return "needs a diagonal Gaussian posterior and a factorised prior"
    if kind == "DisentangledInferredPrior" and names[1] != "StandardNormal":
        return "gives the codes the covariance of a diagonal Gaussian prior"
    return None


def composed(statistics, objective, network, posterior, likelihood, prior, corruption):
    model = LatentModel(network, posterior, likelihood.resolve(statistics), prior, corruption)
    objective.check(model)
    model.build(Sizes(tuple(statistics.mean.shape), 2))
    model.start(statistics)
    objective.begin(model, statistics.n_rows)
    return model


def check(x, statistics, objective, *parts):
    refusal = sentence(*parts[1:], objective, x.shape[1:])
    if refusal is not None:
        with pytest.raises(ValueError, match=refusal):
            objective(composed(statistics, objective, *parts).evaluate(x))
        return
    model = composed(statistics, objective, *parts)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    weights = [p.detach().clone() for p in model.parameters()]
    for step in (1, 2):
        terms = objective(model.evaluate(x, n_draws=objective.n_draws), step / 2)
        assert all(torch.isfinite(term) for term in terms.values()), terms
        optimiser.zero_grad()
        sum(terms.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
        optimiser.step()
    assert any(not torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    assert torch.isfinite(model.evaluate(x).log_px).all()


def test_combinations(make_network, make_posterior, make_likelihood, examples, rows, event_for):
    x = rows(make_likelihood(), event_for(make_network()), n_rows=3)
    statistics = Statistics.of(x)
    # an objective reads the evaluation alone: all of them meet one network, three meet every network
    names = (
        examples["objective"]
        if isinstance(make_network(), Linear)
        else ("elbo", "importance", "reconstruction")
    )
    others = product(
        [None, *examples["prior"].values()],
        [None, *examples["corruption"].values()],
        [examples["objective"][name] for name in names],
    )
    for prior, corruption, make_objective in others:
        if prior not in (None, examples["prior"]["standard"]) and corruption is not None:
            continue  # only the standard normal prior meets every corruption: no other looks at what is seen
        parts = (
            make_network(),
            make_posterior(),
            make_likelihood(),
            prior and prior(),
            corruption and corruption(),
        )
        objective = make_objective()
        try:
            check(x, statistics, objective, *parts)
        except BaseException as error:  # a failed assertion and pytest's own failures too
            error.add_note(f"in the combination {(*parts, objective)}")
            raise


def test_an_objective_that_skipped_its_check_still_refuses(compose, rows):
    """A plain loop that forgets ``check`` gets no number for a rate that does not exist."""
    x = rows(None, (6,))
    with pytest.raises(ValueError, match=r"the rate needs a posterior with a density and a prior.*no prior"):
        ELBO()(compose(x, posterior=Deterministic()).evaluate(x))


def test_the_trainer_asks_the_objective_first(compose, rows):
    x = rows(None, (6,))
    plan = Plan(n_steps=1, batch_size=4, learning_rate=1e-3, check_every=1)
    with pytest.raises(ValueError, match=r"objective=Reconstruction\(\) is for a deterministic posterior"):
        train(compose(x), Reconstruction(), x, plan=plan)
