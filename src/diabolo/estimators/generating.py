"""The decoder as a generative model: where codes are drawn from."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.distributions import Distribution

from diabolo import priors
from diabolo.contracts import Sizes, seeded
from diabolo.data import draw_rows
from diabolo.estimators.base import LatentEstimator
from diabolo.estimators.inputs import one_of, positive_integer
from diabolo.estimators.naming import part_named
from diabolo.estimators.saving import Saved
from diabolo.estimators.sources import large_source
from diabolo.estimators.specs import from_spec, to_spec
from diabolo.likelihoods import Gaussian
from diabolo.measures import SampleQuality, judge_samples
from diabolo.models import LatentModel
from diabolo.networks import MLP
from diabolo.posteriors import DiagonalGaussian
from diabolo.priors import Prior
from diabolo.training import Rows

_BLOCK_CODES = 1 << 12
#: Most rows of a source, and values of them, to whose codes a density is fitted.
_MOST_CODES, _MOST_VALUES = 100_000, 1 << 26

#: Where codes may come from.
Latent = Literal["prior", "aggregate", "ex_post"]
Observation = Literal["draw", "mean"]


def second_stage() -> Prior:
    """Return the second, smaller VAE on the codes of Dai & Wipf 2019."""
    model = LatentModel(
        MLP((128, 128), activation="silu"), DiagonalGaussian(), Gaussian("learned"), priors.StandardNormal()
    )
    return priors.SecondStage(model)


class GeneratingEstimator(LatentEstimator):
    """An estimator whose decoder makes observations from codes, and a density fitted to its codes."""

    ex_post_prior_: Prior

    def fit_prior(
        self, X: ArrayLike, prior: str | Prior = "gaussian_mixture", *, random_state: int | None = None
    ) -> Self:
        """Fit a density to the codes of rows, after training; the encoder and the decoder stay as they are.

        What makes a generative model of a plain auto-encoder, and closes the gap between the codes of
        a VAE and its prior (Ghosh et al. 2020, Dai & Wipf 2019). A VAE's codes are drawn, z ~ q(z|x). The
        density is saved with the model and used as ``latent="ex_post"``; another fit forgets it.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Rows, usually those the model was trained on; of rows that are read in blocks, 100,000 at most,
            drawn by seed.
        prior : str or Prior
            ``"gaussian"`` (full covariance), ``"gaussian_mixture"``, ``"flow"`` (needs the extra
            ``flows``), ``"second_stage"`` (a VAE on the codes), or an object from :mod:`diabolo.priors`
            that has something to fit.
        random_state : int, optional
            Seed; the seed of the fit by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X does not fit the model, or the prior has no such name or nothing to fit.
        ImportError
            If a flow is asked for and the extra ``flows`` is not installed.
        """
        check_is_fitted(self)
        source = large_source(X, "X")
        if source is not None:
            n = min(len(source), _MOST_CODES, max(1, _MOST_VALUES // math.prod(source.shape[1:])))
            X = source.take(draw_rows(len(source), n, self.seed_, sparingly=True))
        codes = self._codes_to_fit(X)
        by_name = {**priors.BY_NAME, "second_stage": second_stage}
        part = part_named("prior", prior, by_name, Prior)
        tensor = torch.as_tensor(codes, dtype=self._dtype, device=self._device())
        with seeded(self._draw_seed(random_state)):
            part = self._placed(part).fit(tensor)
        part.eval()
        self.ex_post_prior_ = part
        return self

    def judge_samples(
        self,
        X: ArrayLike,
        *,
        latent: Latent | None = None,
        observation: Observation | None = None,
        features: Callable[[Any], Any] | None = None,
        k: int = 5,
        random_state: int | None = None,
    ) -> SampleQuality:
        """Judge samples beside real rows: precision, recall, density, coverage and a Fréchet distance, each with its floor.

        Half of the rows are what samples are held against, the other half stands in their place for the floor,
        which a perfect sampler would get. There are as many samples as rows in a half.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Rows that training has not seen, preferably; of more than 20,000 rows so many are taken.
        latent : {"prior", "aggregate", "ex_post"}, optional
            Where codes come from: the prior by default, and for an auto-encoder the density that ``fit_prior`` fitted.
        observation : {"draw", "mean"}, optional
            A draw from p(x|z), or its mean; by default a draw for the tables of a VAE, else the mean, which lacks the
            scatter of real rows: then few of them lie near it, and recall says so.
        features : callable, optional
            From rows to features, such as :func:`diabolo.measures.local_features` returns: distances are taken
            between these. The flattened rows in one unit, if not given.
        k : int
            Neighbours that are looked at.
        random_state : int, optional
            Seed of the halves and of the samples; the seed of the fit by default.

        Returns
        -------
        SampleQuality
            Figures of the samples, of real rows in their place, and what they were measured on.

        Raises
        ------
        ValueError
            If there are too few rows for k neighbours, a word is unknown, or the density was not fitted yet.
        """
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        positive_integer("k", k)
        if len(array) < 2 * (k + 1):
            raise ValueError(
                f"X must have at least {2 * (k + 1)} rows, so that each half holds k + 1 with k={k}, got {len(array)}: give "
                "more rows, or a smaller k."
            )
        order = np.random.default_rng(self._draw_seed(random_state)).permutation(len(array))
        half = len(array) // 2
        chosen: dict[str, Any] = {} if latent is None else {"latent": latent}
        how = observation or ("draw" if self.layout_.kind == "table" and self.model_.has_density else "mean")
        fake = self.sample(half, observation=how, random_state=random_state, **chosen)
        real, floor = array[np.sort(order[half : 2 * half])], array[np.sort(order[:half])]
        return judge_samples(real, fake, floor, features=features, k=k, seed=self.seed_)

    @abstractmethod
    def sample(self, n: int = 1, *, observation: Observation, random_state: int | None = None) -> np.ndarray:
        """Generate observations."""

    def _codes_to_fit(self, X: ArrayLike) -> np.ndarray:
        return self.transform(X)

    def _ex_post(self, model: LatentModel) -> Distribution:
        if not hasattr(self, "ex_post_prior_"):
            raise ValueError(
                f"latent='ex_post' draws from a density fitted to the codes, and this {type(self).__name__} has none "
                "yet: call fit_prior(X) first (diabolo fit-prior on the command line)."
            )
        part = self.ex_post_prior_
        if model is not self.model_:  # a copy in another precision
            part = deepcopy(part).to(next(model.parameters()).dtype)
        return part(model.encode)

    def _generate(self, codes: Tensor, observation: Observation) -> np.ndarray:
        """Decode codes to observations in X's units and dtype."""
        one_of("observation", observation, ("draw", "mean"))
        blocks = []
        for block in codes.split(_BLOCK_CODES):
            p = self.model_.decode(block)
            blocks.append(p.sample() if observation == "draw" else self.model_.point(p))
        drawn = self._to_user(torch.cat(blocks).cpu().numpy())
        dtype = np.dtype(self._numpy_dtype)
        whole = dtype.kind == "b" and observation == "mean"  # the mean of booleans is a probability
        return drawn if whole else drawn.astype(dtype)

    def _ex_post_samples(self, n: int, observation: Observation, random_state: int | None) -> np.ndarray:
        check_is_fitted(self)
        positive_integer("n", n)
        with torch.inference_mode(), seeded(self._draw_seed(random_state)):
            return self._generate(self._ex_post(self.model_).sample((n,)), observation)

    def _placed(self, part: Prior) -> Prior:
        sizes = Sizes(self.layout_.event, self.n_components_)
        return part.build(sizes).to(device=self._device(), dtype=self._dtype)

    def _after_fit(self, x: Rows) -> None:
        self.__dict__.pop("ex_post_prior_", None)
        super()._after_fit(x)

    # -- files ---------------------------------------------------------------------------------

    def _fitted_state(self) -> dict[str, Any]:
        state = super()._fitted_state()
        if hasattr(self, "ex_post_prior_"):
            state["ex_post_prior_"] = to_spec(self.ex_post_prior_)
        return state

    def _tensors(self) -> dict[str, Tensor]:
        tensors = super()._tensors()
        if hasattr(self, "ex_post_prior_"):
            tensors |= {f"ex_post.{name}": t for name, t in self.ex_post_prior_.state_dict().items()}
        return tensors

    def _restore(self, saved: Saved) -> None:
        spec = saved.state.pop("ex_post_prior_", None)
        super()._restore(saved)
        if spec is not None:
            self.ex_post_prior_ = self._placed(from_spec(spec, saved.parts))
            weights = {
                k.removeprefix("ex_post."): t for k, t in saved.tensors.items() if k.startswith("ex_post.")
            }
            self.ex_post_prior_.load_state_dict(weights)
            self.ex_post_prior_.eval()
