"""Optimizers that torch has in another form than the papers' frameworks."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class RMSpropTF(torch.optim.Optimizer):
    """TensorFlow 1's RMSPropOptimizer without momentum, which the LSGAN authors' stability code runs.

    It differs from torch.optim.RMSprop in two ways that matter early on: the mean square starts at one, not zero, and
    epsilon stands inside the root. A loss that is a sum in place of a mean thus takes other first steps.

    lr: learning rate. alpha: decay of the mean square (TensorFlow's default, 0.9). eps: 1e-10 in TensorFlow.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, alpha: float = 0.9, eps: float = 1e-10) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every parameter that has a gradient."""
        value = None
        if closure is not None:
            with torch.enable_grad():
                value = closure()
        for group in self.param_groups:
            moving: list[Tensor] = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not moving:
                continue
            gradients: list[Tensor] = [parameter.grad for parameter in moving]  # type: ignore[misc]
            squares = [self.mean_square(parameter) for parameter in moving]
            torch._foreach_mul_(squares, group["alpha"])
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - group["alpha"])
            roots = torch._foreach_add(squares, group["eps"])
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(moving, gradients, roots, -group["lr"])
        return value

    def mean_square(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["square_avg"] = torch.ones_like(parameter)
        return state["square_avg"]
