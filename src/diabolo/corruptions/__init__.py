"""What the encoder of a denoising auto-encoder sees in place of x."""

from diabolo.corruptions.base import Corruption
from diabolo.corruptions.gaussian import Gaussian
from diabolo.corruptions.masking import Masking
from diabolo.corruptions.motion import Motion
from diabolo.corruptions.salt_and_pepper import SaltAndPepper

BY_NAME = {"gaussian": Gaussian, "masking": Masking, "motion": Motion, "salt_and_pepper": SaltAndPepper}

__all__ = ["Corruption", "Gaussian", "Masking", "Motion", "SaltAndPepper"]
