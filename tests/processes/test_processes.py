"""What several processes rely on, seen in one."""

import importlib
import pkgutil

import pytest
import torch

from diabolo import objectives, posteriors, schedules
from diabolo.contracts import Objective, Sizes, averaged
from diabolo.contracts import batch_mean as mean_of_batch
from diabolo.distributions import mapped
from diabolo.models import Clustered, LatentModel, MultiRate
from diabolo.training import Processes
from diabolo.training.processes import launched, timeout

from . import pair

MODELS = {
    "latent": lambda: LatentModel(**pair.parts()),
    "denoising": lambda: LatentModel(
        **pair.parts(**{n: make() for n, make in pair.CASES["denoising"][2].items()})
    ),
    "multi-rate": lambda: MultiRate(LatentModel(**pair.parts())),
    "clusters": lambda: Clustered(
        LatentModel(**pair.parts(**{n: make() for n, make in pair.POINT.items()})), 3
    ),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_rows_evaluated_in_parts_are_those_of_the_batch(make):
    torch.manual_seed(0)
    model = make().build(Sizes((6,), 2)).double()
    x = torch.randn(7, 6, dtype=torch.float64)
    torch.manual_seed(1)
    whole = model.evaluate(x, n_draws=2)
    state = torch.get_rng_state()
    torch.manual_seed(1)
    context, noise = model.chance(x, {}, 2)
    assert torch.get_rng_state().equal(state)  # it has drawn all that evaluate draws
    for rows in (slice(0, 3), slice(3, 7)):
        own = {name: tensor[rows] for name, tensor in context.items()}
        part = model.evaluate(x[rows], own, 2, noise=noise[:, rows])
        torch.testing.assert_close(part.z, whole.z[:, rows])
        torch.testing.assert_close(part.log_px, whole.log_px[:, rows])
        for name, tensor in part.context.items():
            if name in whole.context:
                torch.testing.assert_close(tensor, whole.context[name][rows])
    assert torch.get_rng_state().equal(state)


def test_every_objective_is_trained_by_a_pair():
    """Each class of the room, whatever it says of itself, stands among the cases of test_pair.py."""
    rooms = [
        importlib.import_module(f"diabolo.objectives.{m.name}")
        for m in pkgutil.iter_modules(objectives.__path__)
    ]
    classes = {
        value
        for room in rooms
        for value in vars(room).values()
        if isinstance(value, type) and issubclass(value, Objective) and value is not Objective
    }
    assert {type(make()) for _, make, _ in pair.CASES.values()} == classes


PARTS = ("posterior", "prior", "corruption")
#: Objectives that look across the rows: by a statistic of the batch, a weight that follows its rate, or a player.
ACROSS_ROWS = {
    "free bits",
    "controlled",
    "capacity",
    "rate",
    "mse",
    "total correlation",
    "dip",
    "dip, codes",
    "adversary",
    "vamp, free of rows",
}


@pytest.mark.parametrize("name", [name for name in pair.CASES if name != "a row at a time"])
def test_an_objective_says_whether_its_loss_is_a_mean_over_rows(name):
    kind, make, options = pair.CASES[name]
    torch.manual_seed(0)
    inner = LatentModel(**pair.parts(**{n: part() for n, part in options.items() if n in PARTS}))
    model = (inner if kind is LatentModel else kind(inner)).build(Sizes((6,), 2)).double()
    objective = make()
    objective.check(model)
    objective.begin(model, 12)
    x = torch.randn(12, 6, dtype=torch.float64)
    context, noise = model.chance(x, {}, objective.n_draws)
    if isinstance(model, Clustered):
        context["target"] = torch.rand(12, 3).softmax(1).double()

    def loss(rows):
        own = {n: tensor[rows] for n, tensor in context.items()}
        evaluation = model.evaluate(x[rows], own, objective.n_draws, noise=noise[:, rows])
        return float(sum(objective(evaluation, 0.5).values()).detach())

    objective.eval()  # a controller must not move between the parts
    apart, whole = 5 / 12 * loss(slice(0, 5)) + 7 / 12 * loss(slice(5, 12)), loss(slice(0, 12))
    assert objective.mean_over_rows == (name not in ACROSS_ROWS)
    if objective.mean_over_rows:
        assert apart == pytest.approx(whole, rel=1e-12)
    elif name in ("total correlation", "dip", "dip, codes"):
        assert apart != pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "reads"),
    [
        (lambda: schedules.Linear(2.0), False),
        (lambda: schedules.Cosine(2.0), False),
        (lambda: schedules.Cyclical(), False),
        (lambda: schedules.Controlled(1.0), True),
    ],
)
def test_a_schedule_says_whether_it_reads_the_rate(make, reads):
    weights = {rate: make().train()(0.3, rate) for rate in (0.1, 5.0)}
    assert (weights[0.1] != weights[5.0]) == make().reads_rate == reads
    assert objectives.ELBO(make()).mean_over_rows == (not reads)


def test_an_objective_of_ones_own_gets_the_whole_batch():
    assert Objective.mean_over_rows is False


def test_means_of_a_batch_are_taken_over_the_processes_in_the_block_alone():
    one = torch.tensor(1.0)
    with averaged(lambda mean: mean + 1):
        assert mean_of_batch(one) == 2
    assert mean_of_batch(one) is one


def test_a_posterior_is_rebuilt_from_its_parameters():
    for posterior, width in ((posteriors.DiagonalGaussian(), 4), (posteriors.FullGaussian(), 5)):
        posterior.build(Sizes((6,), 2), n_features=3)
        q = posterior.distribution(torch.randn(4, width))
        twice = mapped(q, lambda parameter: torch.cat([parameter, parameter]))
        z = torch.randn(4, 2)
        torch.testing.assert_close(twice.log_prob(torch.cat([z, z])), q.log_prob(z).repeat(2))
    with pytest.raises(
        TypeError, match=r"got a Gumbel: register one with diabolo\.distributions\.mapped\.register"
    ):
        mapped(torch.distributions.Gumbel(0.0, 1.0), lambda parameter: parameter)


@pytest.mark.parametrize("n_rows", [0, 1, 2, 3, 7, 128])
def test_the_parts_of_a_batch_are_its_rows_in_order(n_rows):
    parts = [range(n_rows)[Processes(rank, 3).part(n_rows)] for rank in range(3)]
    if n_rows < 3:
        assert parts == [range(n_rows)] * 3
    else:
        assert [row for part in parts for row in part] == list(range(n_rows))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_one_process_asks_nobody():
    alone = Processes()
    assert alone.total([1.0, 2.0]) == [1.0, 2.0]
    assert alone.highest(3) == 3
    assert alone.add(torch.ones(2)).tolist() == [1, 1]
    assert alone.first(lambda: "once") == "once"
    assert alone.check_same({"X": 1}) is None
    assert alone.lost(RuntimeError("Connection closed by peer")) is None
    assert "lost another one" in str(
        Processes(1, 2).lost(RuntimeError("[gloo/pair.cc] Read error: Connection reset"))
    )
    assert Processes(1, 2).lost(RuntimeError("shapes do not match")) is None


def test_a_launcher_is_known_by_its_variables_and_not_inherited(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert not launched()
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert launched()
    monkeypatch.setattr("multiprocessing.current_process", lambda: type("P", (), {"name": "LokyProcess-1"}))
    assert not launched()
    monkeypatch.setenv("DIABOLO_TIMEOUT", "7")
    assert timeout().total_seconds() == 7
