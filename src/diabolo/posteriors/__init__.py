"""What an encoder says of the code of one observation: q(z|x)."""

from diabolo.posteriors.base import Posterior
from diabolo.posteriors.deterministic import Deterministic
from diabolo.posteriors.diagonal_gaussian import DiagonalGaussian
from diabolo.posteriors.full_gaussian import FullGaussian

BY_NAME = {
    "diagonal_gaussian": DiagonalGaussian,
    "full_gaussian": FullGaussian,
    "deterministic": Deterministic,
}

__all__ = ["Deterministic", "DiagonalGaussian", "FullGaussian", "Posterior"]
