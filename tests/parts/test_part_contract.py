"""What every part promises, checked on the examples of conftest.py: a new part inherits it all."""

import importlib
import inspect
import math
import pickle
import pkgutil
import types
import typing

import numpy as np
import pytest
import torch
from sklearn.base import clone

from diabolo import likelihoods, models, networks, posteriors, priors
from diabolo.contracts import Part, Sizes, Statistics
from diabolo.networks import MLP, Conv1d, Conv2d
from diabolo.objectives import ELBO, Clustering, DisentangledInferredPrior, Reconstruction, TotalCorrelation
from diabolo.posteriors import Deterministic

#: What the parts inside a part are called.
NAMES = {
    name: value
    for room in (likelihoods, models, networks, posteriors, priors)
    for name, value in vars(room).items()
}


def same_parameters(a, b):
    """Whether two parts are the same configuration; parts inside them are compared in the same way."""
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same_parameters, a, b))
    if not isinstance(a, Part):
        return a == b
    ours, theirs = a.get_params(deep=False), b.get_params(deep=False)
    names = ours.keys()
    return (
        type(a) is type(b)
        and names == theirs.keys()
        and all(same_parameters(ours[n], theirs[n]) for n in names)
    )


def built(part, x):
    """Give a part its tensors, as a model would."""
    statistics = Statistics.of(x)
    part = part.resolve(statistics).build(Sizes(tuple(x.shape[1:]), 2), n_features=5)
    part.start(statistics)
    return part


def embedded(compose, rows, event, part_room, part, dtype=torch.float32):
    """Put a part into a model that is otherwise the plainest, with rows that suit it."""
    parts = {} if part_room in ("objective", "schedule") else {part_room: part}
    if isinstance(part, Reconstruction | Clustering):
        parts["posterior"] = Deterministic()
    x = rows(parts.get("likelihood"), event, dtype=dtype)
    model = compose(x, **parts)
    if isinstance(part, Clustering):
        model = clustered(model, x)
    if part_room == "objective":
        part.begin(model, len(x))
    return model, x


def clustered(model, x):
    """Return the model with two clusters among its codes."""
    model = models.Clustered(model, 2).build(model.sizes).to(x.dtype).eval()
    model.start(Statistics.of(x))
    with torch.no_grad():
        model.centres.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    return model


def beside(x):
    """Return the context of which objectives read a beta, or a target over two clusters, for each row."""
    share = torch.linspace(0.1, 0.8, len(x), dtype=x.dtype)
    target = torch.stack([share, 1 - share], -1)
    return {"log_beta": torch.linspace(-1, 1, len(x), dtype=x.dtype), "target": target}


def matching_objective(model):
    return ELBO() if model.has_density else Reconstruction()


@pytest.fixture(params=["table", "signal", "image"])
def event(request, events):
    return events[request.param]


@pytest.fixture
def room(make_part, examples):
    return next(name for name, each in examples.items() if make_part in each.values())


@pytest.fixture
def suits(event):
    """Return a function that skips networks for another shape (whose refusal test_networks.py reads)."""

    def suits(part):
        if getattr(part, "n_event_dims", None) not in (None, len(event)):
            pytest.skip("reads another shape")
        return part

    return suits


@pytest.mark.parametrize(
    "name", ["corruption", "likelihood", "network", "objective", "posterior", "prior", "schedule"]
)
def test_every_part_has_an_example_and_a_name(name, rooms, examples):
    module = rooms[name]
    files = [
        importlib.import_module(f"{module.__name__}.{m.name}") for m in pkgutil.iter_modules(module.__path__)
    ]
    written = {
        value
        for file in files
        for value in vars(file).values()
        if inspect.isclass(value)
        and issubclass(value, Part)
        and value.__module__.startswith(module.__name__)
        and not inspect.isabstract(value)
        and value.__name__ != "ConvolutionalNetwork"
    }
    assert written == {type(make()) for make in examples[name].values()}
    assert written <= {getattr(module, public) for public in module.__all__}
    by_name = {type(make()) for make in module.BY_NAME.values()} if hasattr(module, "BY_NAME") else written
    nameless = {"Mixed", "SecondStage"}  # cannot be made without arguments
    assert {each for each in written if each.__name__ not in nameless} == by_name


class TestParameters:
    def test_clone_and_round_trip(self, make_part):
        part = make_part()
        twin = clone(part)
        assert twin is not part
        assert same_parameters(twin, part)
        assert twin.set_params(**part.get_params()) is twin
        assert same_parameters(twin, part)

    def test_every_argument_is_kept_untouched(self, make_part):
        part = make_part()
        names = list(inspect.signature(type(part).__init__).parameters)[1:]
        assert sorted(part.get_params(deep=False)) == sorted(names)
        for name in names:
            marker = 2  # a valid value of every numeric argument, and stored whatever it is
            assert getattr(part.set_params(**{name: marker}), name) is marker

    def test_unknown_parameter_is_refused(self, make_part):
        with pytest.raises(ValueError, match="Invalid parameter 'no_such_thing'"):
            make_part().set_params(no_such_thing=1)

    def test_repr_is_code(self, make_part, rooms):
        part = make_part()
        module = next(m for m in rooms.values() if type(part).__module__.startswith(m.__name__))
        assert same_parameters(eval(repr(part), NAMES | vars(module)), part)

    def test_pickle_before_and_after_build(self, make_part, rows, room, event_for):
        part = make_part()
        assert same_parameters(pickle.loads(pickle.dumps(part)), part)
        x = rows(part if room == "likelihood" else None, event_for(part))
        part = built(part, x)
        twin = pickle.loads(pickle.dumps(part))
        assert same_parameters(twin, part)
        assert twin.state_dict().keys() == part.state_dict().keys()
        for name, value in part.state_dict().items():
            own = twin.state_dict()[name]
            assert torch.equal(own, value) if isinstance(value, torch.Tensor) else own == value

    def test_resolve_leaves_the_part_alone(self, make_part, rows, room):
        part = make_part()
        before = part.get_params()
        resolved = part.resolve(Statistics.of(rows(part if room == "likelihood" else None, (6,))))
        assert type(resolved) is type(part)
        assert part.get_params() == before

    def test_build_returns_the_part(self, make_part, event_for):
        part = make_part()
        assert part.build(Sizes(event_for(part), 2), n_features=5) is part


ODD = [True, "no such word", 2.5, math.nan, math.inf, -math.inf, (), (0,), (-3,), (2.5,), (True,), object()]


def suits_kind(value, kind):
    """Whether an odd value is none for a type."""
    if typing.get_origin(kind) is tuple:
        return value == ()
    if kind in (int, float):
        return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
    return kind is bool and isinstance(value, bool)


def odd_values(hint):
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    kinds = typing.get_args(hint) if union else (hint,)
    return [value for value in ODD if not any(suits_kind(value, kind) for kind in kinds)]


class TestOddValues:
    """Constructors and ``set_params`` store what they get; what means nothing is refused when the part is used."""

    def refused(self, part, name, use):
        try:
            use(part)
        except ValueError as error:
            return f"{name} " in str(error) or f"{name}=" in str(error)
        except Exception:
            return False
        return False

    def test_are_refused_with_the_name_of_the_argument(self, make_part, rows, compose, room, event_for):
        event = event_for(make_part())
        x = rows(make_part() if room == "likelihood" else None, event)
        model = compose(rows(None, event))
        use = {"objective": lambda part: part.check(model), "schedule": lambda part: part.check()}.get(
            room, lambda part: compose(x, **{room: part})
        )
        hints = typing.get_type_hints(type(make_part()).__init__)
        for name in list(inspect.signature(type(make_part()).__init__).parameters)[1:]:
            odd = [make_part().set_params(**{name: value}) for value in odd_values(hints[name])]
            through = [getattr(part, name) for part in odd if not self.refused(part, name, use)]
            assert through == [], name

    @pytest.mark.parametrize("channels", [(), (0,), 5, (8, -2), [4, 2.5]])
    @pytest.mark.parametrize("make", [Conv1d, Conv2d])
    def test_no_channels_are_not_the_default(self, make, channels):
        with pytest.raises(ValueError, match=r"channels must be a tuple of whole numbers above 0, 1 or more"):
            make(channels).encoder((1, 16, 16)[: make.n_event_dims])

    @pytest.mark.parametrize("hidden", [(0,), (-3,), 5, (8, 0), "88"])
    def test_hidden_layers(self, hidden):
        for use in (lambda mlp: mlp.encoder((4,)), lambda mlp: mlp.decoder(2, (4,), 1)):
            with pytest.raises(ValueError, match="hidden must be a tuple of whole numbers above 0, got"):
                use(MLP(hidden))

    def test_a_network_without_hidden_layers_is_linear(self):
        encoder, n_features = MLP(()).encoder((4,))
        assert n_features == 4
        assert [type(m) for m in encoder] == [torch.nn.Flatten]
        assert sum(p.numel() for p in MLP([3]).decoder(2, (4,), 1).parameters()) == 2 * 3 + 3 + 3 * 4 + 4

    def test_numpy_numbers_are_numbers(self, compose, rows):
        network = Conv2d((np.int64(4),), kernel_size=np.int32(3))
        assert network.encoder((1, 8, 8))[1] == 64
        ELBO(np.float32(2.0), n_draws=np.int64(2), free_bits=np.float64(0.5)).check(compose(rows(None, (6,))))

    def test_set_params_goes_past_no_check(self, compose, rows):
        model = compose(rows(None, (6,)))
        objective = ELBO()
        objective.check(model)
        for name, value in (("beta", -1), ("n_draws", 0), ("free_bits", -0.5), ("gradient", "none")):
            with pytest.raises(ValueError, match=f"^{name} must be .* got {value!r} \\(an argument of ELBO"):
                clone(objective).set_params(**{name: value}).check(model)


class TestInAModel:
    def test_shapes_and_finite_values(self, make_part, event, rows, compose, room, suits):
        model, x = embedded(compose, rows, event, room, suits(make_part()))
        for name, tensor in model.state_dict().items():
            assert torch.isfinite(tensor).all(), name
        e = model.evaluate(x, n_draws=3)
        with torch.inference_mode():  # the short way to reconstructions is the long one
            torch.testing.assert_close(model.predict(e.z), model.point(model.decode(e.z)))
        assert e.z.shape == (3, len(x), 2)
        assert e.log_px.shape == (3, len(x))
        assert model.point(e.observation).shape == (3, *x.shape)
        assert torch.isfinite(e.log_px).all()
        assert torch.isfinite(model.point(e.observation)).all()
        assert e.posterior.batch_shape == (len(x),)
        assert e.posterior.mean.shape == (len(x), 2)
        assert model.decode(torch.zeros(2)).log_prob(x).shape == (len(x),)
        if model.has_density:
            assert e.log_weight.shape == (3, len(x))
            assert e.rate.shape == (len(x),)
            assert torch.isfinite(e.log_weight).all()

    def test_double_agrees_with_single(self, make_part, event, rows, compose, room, suits):
        part = suits(make_part())
        single, x = embedded(compose, rows, event, room, part)
        double = pickle.loads(pickle.dumps(single)).double()
        seen = x + 0.01 * torch.randn_like(x)
        noise = torch.randn(2, len(x), 2)
        a = single.evaluate(x, {"seen": seen}, 2, noise=noise)
        b = double.evaluate(x.double(), {"seen": seen.double()}, 2, noise=noise.double())
        assert b.z.dtype == b.log_px.dtype == torch.float64
        torch.testing.assert_close(a.log_px.double(), b.log_px, rtol=1e-4, atol=1e-3)
        if getattr(single, "corruption", None) is not None:
            assert double.corruption(x.double()).dtype == torch.float64

    def test_gradients_reach_every_parameter(self, make_part, event, rows, compose, room, suits):
        part = suits(make_part())
        model, x = embedded(compose, rows, event, room, part)
        objective = part if room == "objective" else matching_objective(model)
        terms = objective(model.evaluate(x, beside(x), objective.n_draws))
        sum(terms.values()).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert (parameter.grad != 0).any(), name

    def test_state_round_trip(self, make_part, event, rows, compose, room, suits):
        model, x = embedded(compose, rows, event, room, suits(make_part()))
        twin = clone(model).build(model.sizes).eval()
        noise = torch.randn(2, len(x), 2)

        def outputs(m):
            torch.default_generator.manual_seed(5)  # for the corruption
            return m.evaluate(x, n_draws=2, noise=noise).log_px

        if not getattr(getattr(twin, "prior", None), "needs_fit", False):  # it has no density yet
            assert not torch.equal(outputs(twin), outputs(model))
        twin.load_state_dict(model.state_dict())
        assert torch.equal(outputs(twin), outputs(model))
        assert torch.equal(outputs(pickle.loads(pickle.dumps(model))), outputs(model))

    def test_nested_parameters(self, make_part, event, rows, compose, room, suits):
        part = suits(make_part())
        if room in ("objective", "schedule"):
            pytest.skip("no part of a model")
        model, _ = embedded(compose, rows, event, room, part)
        for name, value in getattr(model, room).get_params().items():
            assert model.get_params()[f"{room}__{name}"] is value
        assert same_parameters(getattr(clone(model), room), part)


class TestObjectives:
    def test_terms_are_named_scalars(self, make_objective, compose, rows):
        objective = make_objective()
        model, x = embedded(compose, rows, (6,), "objective", objective)
        for progress in (0.0, 1.0):
            terms = objective(model.evaluate(x, beside(x), objective.n_draws), progress)
            assert all(isinstance(name, str) and term.shape == () for name, term in terms.items())

    def test_a_batch_split_in_two_has_the_same_mean_loss(self, make_objective, compose, rows):
        objective = make_objective().eval()
        if isinstance(objective, TotalCorrelation | DisentangledInferredPrior):
            pytest.skip("compares the rows of a batch")
        model, x = embedded(compose, rows, (6,), "objective", objective, torch.float64)
        noise = torch.randn(2, len(x), 2, dtype=x.dtype)

        def loss(part):
            context = {name: tensor[part] for name, tensor in beside(x).items()}
            e = model.evaluate(x[part], context, noise=noise[:, part])
            return sum(objective(e).values()) * len(x[part])

        whole = loss(slice(None))
        torch.testing.assert_close(loss(slice(0, 5)) + loss(slice(5, None)), whole, rtol=1e-13, atol=0)


class TestPosteriors:
    def test_posterior_draws_follow_the_posterior(self, make_posterior):
        posterior = make_posterior().build(Sizes((6,), 2), n_features=3)
        q = posterior.distribution(torch.randn(1, posterior.n_parameters(2)))
        z = posterior.draw(q, torch.randn(40_000, 1, 2))[:, 0].detach()
        if not posterior.has_density:
            assert torch.equal(z, q.mean.expand_as(z))
            return
        assert ((z.mean(0) - q.mean[0]).abs() <= 4 * q.variance[0].sqrt() / 200).all()
        # mean of -log q over the draws is the entropy, whatever the posterior calls its parameters
        surprise = -q.log_prob(z.unsqueeze(1))[:, 0]
        assert abs(surprise.mean() - q.entropy()[0]) < 4 * surprise.std() / 200

    def test_reparametrisation_gradient_is_the_analytic_one(self, make_posterior, hermite):
        posterior = make_posterior().build(Sizes((6,), 2), n_features=3)
        parameters = torch.randn(1, posterior.n_parameters(2), dtype=torch.float64, requires_grad=True)
        a = torch.tensor([[2.0, 0.7], [0.7, 1.5]], dtype=torch.float64)
        b = torch.tensor([0.3, -1.0], dtype=torch.float64)
        noise, log_weights = hermite(4, 2)

        def gradient(value):
            return torch.autograd.grad(value, parameters)[0]

        z = posterior.draw(posterior.distribution(parameters), noise)[:, 0]
        quadratic = 0.5 * ((z @ a) * z).sum(-1) + z @ b
        drawn = gradient((log_weights.exp() * quadratic).sum())
        # E[z'Az / 2 + b'z] = mu'A mu / 2 + b'mu + tr(A S) / 2
        q = posterior.distribution(parameters)
        mean = q.mean[0]
        covariance = q.covariance_matrix[0] if hasattr(q, "covariance_matrix") else torch.diag(q.variance[0])
        expected = gradient(0.5 * mean @ a @ mean + b @ mean + 0.5 * (a * covariance).sum())
        torch.testing.assert_close(drawn, expected, rtol=1e-12, atol=1e-12)

    def test_one_dimension(self, make_posterior, compose, rows):
        model = compose(rows(None, (6,)), posterior=make_posterior(), n_components=1)
        assert torch.isfinite(model.evaluate(rows(None, (6,))).log_px).all()

    def test_extreme_features_stay_finite(self, make_posterior):
        posterior = make_posterior().build(Sizes((6,), 2), n_features=3)
        parameters = torch.full((1, posterior.n_parameters(2)), 1e4)
        for sign in (1, -1):
            q = posterior.distribution(sign * parameters)
            assert torch.isfinite(posterior.draw(q, torch.ones(1, 2))).all()
            assert torch.isfinite(q.variance).all()
