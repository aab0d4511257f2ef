"""Gradients of ordinary models written out by hand: those of autograd, in less time.

Only fully connected networks with a usual waist have them; :func:`written_gradient` says which by the types of the
parts alone. Everything else is left to autograd.
"""

from diabolo.gradients.written import WrittenGradient, written_gradient

__all__ = ["WrittenGradient", "written_gradient"]
