"""The Gaussian Parzen window log-likelihood of Goodfellow et al. 2014, section 5 (Breuleux et al. 2011)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

SIGMAS = np.geomspace(0.1, 1.0, 10).tolist()  # goodfeli/adversarial parzen_ll.py
SIGMA_IMAGES = 1000  # parzen_ll.py's limit_size on MNIST
ROLES = ("samples", "validation", "test")


def float64_device(device: torch.device) -> torch.device:
    """`device`, or the CPU where `device` has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def log_densities(images: Tensor, centres: Tensor, sigmas: Sequence[float], chunk: int = 1000) -> Tensor:
    """The log density of every image under the mean of the Gaussians N(centre, sigma^2 I), in nats.

    images: [n, dim], centres: [m, dim], any floating type. Returns float64 [len(sigmas), n] on their device,
    or on the CPU where that has no float64. All arithmetic is in float64, whatever autocast or the matmul
    precision say: in TF32 the result is off by 0.2 nats. Squared distances come from one matrix product for a
    chunk x chunk block and serve all sigmas; memory beyond the inputs is a few such blocks.
    """
    device = float64_device(images.device)
    scales = [-0.5 / sigma**2 for sigma in sigmas]
    kernels = [(part, part.square().sum(1)) for part in centres.to(device, torch.float64).split(chunk)]
    densities = []
    with torch.autocast(device.type, enabled=False):
        for block in images.split(chunk):
            block = block.to(device, torch.float64)
            norms = block.square().sum(1, keepdim=True)
            parts = []
            for kernel, kernel_norms in kernels:
                squared = torch.addmm(kernel_norms, block, kernel.T, alpha=-2).add_(norms).clamp_(min=0)
                parts.append(torch.stack([torch.logsumexp(squared * scale, dim=1) for scale in scales]))
            densities.append(torch.logsumexp(torch.stack(parts), dim=0))
    log_volumes = [centres.shape[1] * math.log(sigma * math.sqrt(2 * math.pi)) for sigma in sigmas]
    constants = torch.tensor(log_volumes, dtype=torch.float64, device=device) + math.log(len(centres))
    return torch.cat(densities, dim=1) - constants[:, None]


class ParzenLogLikelihood(Metric):
    """Mean log-likelihood in nats of test images under a Parzen window on generated samples.

    As parzen_ll.py of the authors: kernels N(sample, sigma^2 I); sigma is the candidate with the highest mean
    log-likelihood on the first `sigma_images` validation images (all, if there are fewer); the test images are
    then scored with it. Images and samples belong in [0, 1]: the number depends on the scale.

    `update(images, role)` takes the samples, the validation and the test images in any number of calls, in any
    order. `compute()` returns a dictionary of tensors, float64 unless said otherwise:
      log_likelihood, standard_error: the mean over test images and the error of that mean over test images
        (population standard deviation / sqrt(n), as the authors);
      sigma, validation_log_likelihood: the chosen one, and the mean it reached;
      samples, validation_images, test_images: int64, how many images were used;
      sigmas, validation_by_sigma: [number of sigmas]; test_by_image: [number of test images]; torchmetrics
        turns arrays of one element into scalars.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    samples: list[Tensor]
    validation: list[Tensor]
    test: list[Tensor]

    def __init__(
        self,
        sigmas: Sequence[float] = SIGMAS,
        sigma_images: int = SIGMA_IMAGES,
        chunk: int = 1000,
        **kwargs: Any,
    ) -> None:
        """sigmas: candidates > 0; chunk: images and samples in a block of distances, for memory only."""
        super().__init__(**kwargs)
        if not sigmas or min(sigmas) <= 0:
            raise ValueError(f"sigmas must be positive, got {list(sigmas)}")
        if min(sigma_images, chunk) < 1:
            raise ValueError(f"sigma_images and chunk must be at least 1, got {sigma_images} and {chunk}")
        self.sigmas, self.sigma_images, self.chunk = list(sigmas), sigma_images, chunk
        for role in ROLES:
            self.add_state(role, [], dist_reduce_fx="cat")

    def update(self, images: Tensor, role: str) -> None:
        """images: floating point [n, ...], flattened; role: "samples", "validation" or "test".

        Raises ValueError for another role, integer images, or another number of values an image than before.
        """
        if role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, not {role!r}")
        if not images.is_floating_point() or images.ndim < 2:
            raise ValueError(f"images must be floating point [n, ...], got {images.dtype} {list(images.shape)}")
        flat = images.detach().flatten(1)
        for known in ROLES:
            dims = {part.shape[1] for part in getattr(self, known)}
            if dims and dims != {flat.shape[1]}:
                raise ValueError(f"{role} has {flat.shape[1]} values an image, {known} has {dims.pop()}")
        getattr(self, role).append(flat)

    def compute(self) -> dict[str, Tensor]:
        """See the class. Raises ValueError when samples, validation or test images are missing."""
        centres, validation, test = (self._joined(role) for role in ROLES)
        validation = validation[: self.sigma_images]
        by_sigma = log_densities(validation, centres, self.sigmas, self.chunk).mean(1)
        best = int(by_sigma.argmax())
        by_image = log_densities(test, centres, self.sigmas[best : best + 1], self.chunk)[0]
        sigmas = torch.tensor(self.sigmas, dtype=torch.float64, device=by_sigma.device)
        return {
            "log_likelihood": by_image.mean(),
            "standard_error": by_image.std(correction=0) / math.sqrt(len(by_image)),
            "sigma": sigmas[best],
            "validation_log_likelihood": by_sigma[best],
            "samples": torch.tensor(len(centres)),
            "validation_images": torch.tensor(len(validation)),
            "test_images": torch.tensor(len(test)),
            "sigmas": sigmas,
            "validation_by_sigma": by_sigma,
            "test_by_image": by_image,
        }

    def _joined(self, role: str) -> Tensor:
        """All images of a role, [n, dim]. The state is a list, or one tensor after ranks were joined."""
        images = getattr(self, role)
        joined = dim_zero_cat(images) if len(images) else torch.empty(0, 0)
        if not len(joined):
            raise ValueError(f"no {role} images: call update(images, {role!r}) first")
        return joined
