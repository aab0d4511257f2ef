"""Tensors and data sets of torch go in where arrays do."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset

from diabolo import VAE, AutoEncoder, DenoisingAutoEncoder
from diabolo.estimators.inputs import from_torch
from diabolo.networks import MLP

X = load_digits().images[:60]
SMALL = {"network": MLP((8,)), "max_epochs": 2, "random_state": 0}


class Items(Dataset):
    """A data set of whatever is given."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Endless(Dataset):
    def __getitem__(self, i):
        return X[i % len(X)]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(X)


WAYS = {
    "tensor": torch.from_numpy(X),
    "tensor with a gradient": torch.from_numpy(X).requires_grad_(),
    "tensor from a graph": torch.from_numpy(X).requires_grad_() * 1,
    "strided tensor": torch.from_numpy(X.transpose(2, 1, 0).copy()).permute(2, 1, 0),
    "tensors with labels": TensorDataset(torch.from_numpy(X), torch.arange(60)),
    "arrays": Items(list(X)),
    "arrays one after another": Stream(),
    "lists with labels": Items([[x, 3] for x in X]),
    "tensors with gradients": Items([torch.from_numpy(x).requires_grad_() for x in X]),
    "parts": ConcatDataset(
        [Subset(TensorDataset(torch.from_numpy(X)), range(40)), Items([(x, "label") for x in X[40:]])]
    ),
}


@pytest.fixture(scope="module")
def fitted():
    return AutoEncoder(2, **SMALL).fit(X)


@pytest.mark.parametrize("way", WAYS)
def test_the_model_is_that_of_the_array(way, fitted):
    given = WAYS[way]
    np.testing.assert_array_equal(from_torch(given, "X"), X)
    model = AutoEncoder(2, **SMALL).fit(given)
    codes = fitted.transform(X)
    np.testing.assert_array_equal(model.transform(X), codes)
    np.testing.assert_array_equal(fitted.transform(given), codes)
    np.testing.assert_array_equal(fitted.fit_transform(given), codes)
    np.testing.assert_array_equal(fitted.reconstruct(given), fitted.reconstruct(X))
    assert fitted.score(given) == fitted.score(X)
    assert fitted.evaluate(given) == fitted.evaluate(X)


def test_every_argument_takes_them(fitted):
    given, tensor = WAYS["tensors with labels"], WAYS["tensor with a gradient"]
    codes = torch.from_numpy(fitted.transform(X)).requires_grad_()
    np.testing.assert_array_equal(fitted.inverse_transform(codes), fitted.reconstruct(X))
    np.testing.assert_array_equal(
        fitted.interpolate(tensor[0], tensor[1], 3), fitted.interpolate(X[0], X[1], 3)
    )
    values = torch.linspace(-1, 1, 3, requires_grad=True)
    moved = fitted.traverse(1, values, tensor[0])
    np.testing.assert_array_equal(moved, fitted.traverse(1, [-1, 0, 1], X[0]))
    held = AutoEncoder(2, **SMALL).fit(given, X_val=tensor[:20])
    np.testing.assert_array_equal(
        held.transform(X), AutoEncoder(2, **SMALL).fit(X, X_val=X[:20]).transform(X)
    )
    pairs = DenoisingAutoEncoder(2, **SMALL).fit(given, X_noisy=tensor + 1)
    other = DenoisingAutoEncoder(2, **SMALL).fit(X, X_noisy=X + 1)
    np.testing.assert_array_equal(pairs.denoise(given), other.denoise(X))
    pieces = AutoEncoder(2, **SMALL).partial_fit(given).partial_fit(tensor)
    np.testing.assert_array_equal(
        pieces.transform(X), AutoEncoder(2, **SMALL).partial_fit(X).partial_fit(X).transform(X)
    )


def test_a_tensor_keeps_its_gradient_and_the_array_is_not_written_to():
    tensor = torch.from_numpy(X.copy()).requires_grad_()
    vae = VAE(2, **SMALL).fit(tensor)
    np.testing.assert_array_equal(vae.score_samples(tensor, 3), vae.score_samples(X, 3))
    assert tensor.requires_grad
    assert tensor.grad is None
    np.testing.assert_array_equal(tensor.detach(), X)


@pytest.mark.parametrize(
    ("dtype", "codes"),
    [
        (torch.float64, np.float64),
        (torch.float32, np.float32),
        (torch.float16, np.float32),
        (torch.bfloat16, np.float32),
        (torch.uint8, np.float32),
        (torch.int64, np.float32),
    ],
)
def test_types_of_numbers(dtype, codes):
    given = torch.from_numpy(X).to(dtype)
    model = AutoEncoder(2, **SMALL).fit(given)
    assert model.transform(given).dtype == codes
    as_array = np.asarray(given.float() if dtype is torch.bfloat16 else given)
    np.testing.assert_array_equal(model.transform(as_array), model.transform(given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            Items([X[0], X[1], X[2][:7], X[3]]),
            r"X must have items of one shape, but item 0 has \(8, 8\) and item 2 has \(7, 8\)",
        ),
        (Endless(), "X must be a Dataset with a length and numbered items.*got a Endless.*numpy.stack"),
        (Items([{"x": X[0]}, {"x": X[1]}]), "X must have items that are arrays or tensors.*got a dict"),
        (Items([]), "0 sample"),
        (Items(["a", "b"]), "Expected 2D array|bytes/strings"),
        (Items([1.0, 2.0, 3.0]), "Expected 2D array"),
        (
            torch.eye(4).to_sparse(),
            r"X must be a dense tensor, got the layout torch.sparse_coo: use X.to_dense\(\)",
        ),
        (torch.randn(20, 3, dtype=torch.complex64), "Complex data not supported"),
        (torch.full((20, 3), torch.nan), "NaN"),
        (torch.tensor([1.0, 2.0]), "Expected 2D array"),
    ],
)
def test_what_cannot_be_an_array_is_refused(given, message):
    with pytest.raises((ValueError, TypeError), match=message):
        AutoEncoder(2, **SMALL).fit(given)


def test_the_refusal_names_the_argument(fitted):
    ragged = Items([X[0], X[1][:, :3]])
    with pytest.raises(ValueError, match="X_val must have items of one shape"):
        AutoEncoder(2, **SMALL).fit(X, X_val=ragged)
    with pytest.raises(ValueError, match="X_noisy must have items of one shape"):
        DenoisingAutoEncoder(2, **SMALL).fit(X, X_noisy=ragged)
    with pytest.raises(TypeError, match="x0 must be a dense tensor"):
        fitted.interpolate(torch.eye(8).to_sparse(), X[0])


def test_around_the_estimator_scikit_learn_takes_tensors_and_pandas_comes_out(fitted):
    pytest.importorskip("pandas")
    flat = torch.from_numpy(X).flatten(1)
    codes = AutoEncoder(2, **SMALL).set_output(transform="pandas").fit(flat).transform(flat)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    assert list(codes.index) == list(range(60))
    pipeline = make_pipeline(FunctionTransformer(), AutoEncoder(2, **SMALL))
    assert np.isfinite(cross_val_score(pipeline, flat, cv=2)).all()
