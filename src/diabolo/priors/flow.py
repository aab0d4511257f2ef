"""A normalising flow as prior."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from diabolo.contracts import Sizes
from diabolo.priors.base import Prior
from diabolo.priors.descent import descend
from diabolo.priors.fitting import check_codes, gaussian_of

_KINDS = {"nsf": "NSF", "maf": "MAF", "realnvp": "RealNVP"}
#: What the last layers' weights are multiplied by at the start, so that a flow starts near the identity.
_START = 1e-2


class Flow(Prior):
    """p(z) = N(T(z); 0, I) |det dT/dz|, T an invertible network.

    It is trained together with the model, the divergence taken from the draws (Chen et al. 2017), or
    fitted afterwards by :meth:`fit`. T starts close to the identity, p(z) close to N(0, I); in a fit,
    close to the Gaussian of the codes. Needs zuko: ``pip install "diabolo[flows]"``.

    Parameters
    ----------
    kind : {"nsf", "maf", "realnvp"}
        Monotone splines of each dimension given those before it (Durkan et al. 2019), affine maps of
        the same kind (Papamakarios et al. 2017), or affine maps of every other dimension given the
        rest (Dinh et al. 2017). The first can fit most, the last draws fastest. In one dimension the
        affine kinds are Gaussians.
    n_transforms : int
        How many maps T is composed of.
    hidden : tuple of int
        Units of the hidden layers of each map.
    n_steps, batch_size, learning_rate : int, int, float
        For :meth:`fit`: steps of Adam at most, codes in each, largest rate.
    seed : int
        For :meth:`fit`: where chance begins.

    Examples
    --------
    >>> flow = Flow(n_transforms=2, hidden=(16,)).build(Sizes(event=(8,), n_components=3))
    >>> p = flow(lambda x: None)
    >>> p.log_prob(p.sample((5,))).shape
    torch.Size([5])
    """

    mean: Tensor
    scale_tril: Tensor

    def __init__(
        self,
        kind: Literal["nsf", "maf", "realnvp"] = "nsf",
        *,
        n_transforms: int = 3,
        hidden: tuple[int, ...] = (128, 128),
        n_steps: int = 2000,
        batch_size: int = 256,
        learning_rate: float = 2e-3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.n_transforms = n_transforms
        self.hidden = hidden
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make T for ``sizes.n_components`` dimensions."""
        self.check_choice("kind", _KINDS)
        self.check_wholes("hidden")
        for name in ("n_transforms", "n_steps", "batch_size"):
            self.check_whole(name)
        self.check_number("learning_rate", "a number above 0", above=0)
        self.check_whole("seed", least=0)
        self.n_components = sizes.n_components
        self.transform = self._near_identity()
        self.register_buffer("mean", torch.zeros(sizes.n_components))
        self.register_buffer("scale_tril", torch.eye(sizes.n_components))
        return self

    def forward(self, encode: Callable[[Tensor], Distribution]) -> FlowDistribution:
        """Return p(z)."""
        return FlowDistribution(self.transform(), self.mean, self.scale_tril)

    def fit(self, codes: Tensor) -> Self:
        """Fit p(z) to codes of shape (n_rows, n_components) by maximum likelihood, from a new start.

        The codes are first freed of mean and covariance. A tenth is held out and chooses the step whose
        weights are kept; the start, which is the Gaussian of the codes, is among them.
        """
        check_codes(codes, self.n_components)
        descend(
            self,
            lambda: self._start_at(codes),
            lambda batch: (
                -FlowDistribution(self.transform(), self.mean, self.scale_tril).log_prob(batch).mean()
            ),
            codes,
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=self.seed,
        )
        return self

    def _start_at(self, codes: Tensor) -> None:
        self.transform.load_state_dict(self._near_identity().state_dict())
        mean, scale_tril = gaussian_of(codes.double())
        self.mean.copy_(mean)
        self.scale_tril.copy_(scale_tril)

    @torch.no_grad()
    def _near_identity(self) -> nn.Module:
        make = getattr(_zuko().flows, _KINDS[self.kind])
        # zuko's base distribution is left aside: p(z) has its own
        transform = make(
            self.n_components, transforms=self.n_transforms, hidden_features=self.hidden
        ).transform
        for each in transform.transforms:
            # in one dimension a map has parameters and no network
            last = each.hyper[-1] if hasattr(each, "hyper") else each.phi
            for parameter in last.parameters():
                parameter.mul_(_START)
        return transform


class FlowDistribution(Distribution):
    """The distribution of z = mean + L T^-1(e), e ~ N(0, I).

    log p(z) = log N(T(u); 0, I) + ln |det dT/du| - ln det L, u = L^-1 (z - mean).

    Parameters
    ----------
    transform : zuko's Transform
        T, from (n, d) to (n, d), whose ``call_and_ladj`` gives T(u) and ln |det dT/du| at once.
    mean : Tensor of shape (d,)
        Shift of the codes.
    scale_tril : Tensor of shape (d, d)
        L, lower triangular.
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, transform: Any, mean: Tensor, scale_tril: Tensor) -> None:
        self.transform = transform
        self.loc = mean
        self.scale_tril = scale_tril
        super().__init__(torch.Size(), mean.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats of codes (..., d), shape (...)."""
        centred = (value - self.loc).reshape(-1, len(self.loc))
        u = torch.linalg.solve_triangular(self.scale_tril.T, centred, upper=True, left=False)
        e, log_det = self.transform.call_and_ladj(u)
        log_base = -0.5 * e.square().sum(-1) - 0.5 * len(self.loc) * math.log(2 * math.pi)
        log_density = log_base + log_det - self.scale_tril.diagonal().log().sum()
        return log_density.reshape(value.shape[:-1])

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw codes of shape (*sample_shape, d), with torch's generator."""
        shape = torch.Size(sample_shape)
        e = torch.randn((shape.numel(), len(self.loc)), dtype=self.loc.dtype, device=self.loc.device)
        z = self.loc + self.transform.inv(e) @ self.scale_tril.T
        return z.reshape(*shape, len(self.loc))


@cache
def _zuko() -> Any:
    """Import zuko, and put back the settings of torch's distributions that its import changes for all."""
    settings = {name: vars(Distribution)[name] for name in ("arg_constraints", "_validate_args")}
    try:
        import zuko
    except ImportError as error:
        raise ImportError('the prior Flow needs zuko: pip install "diabolo[flows]"') from error
    for name, value in settings.items():
        setattr(Distribution, name, value)
    for cls in vars(zuko.distributions).values():
        if inspect.isclass(cls) and cls.__module__ == "zuko.distributions":
            setattr(cls, "_validate_args", False)  # noqa: B010 - its own classes rely on it
    return zuko
