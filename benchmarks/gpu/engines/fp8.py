"""Products in FP8 (E4M3), scaled for each tensor, as PyTorch's users run them on Hopper and later."""

from __future__ import annotations

import torch

E4M3 = torch.float8_e4m3fn
LARGEST = float(torch.finfo(E4M3).max)


class Fp8Linear(torch.nn.Module):
    """In the place of a Linear: weights are rounded once, inputs by the largest of each call."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.kind, self.bias = linear.weight.dtype, linear.bias
        self.weight_scale = (linear.weight.abs().max().float() / LARGEST).clamp(min=1e-12)
        self.weight = (linear.weight.float() / self.weight_scale).to(E4M3)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(..., in) to (..., out)."""
        flat = values.reshape(-1, values.shape[-1])
        scale = (flat.abs().max().float() / LARGEST).clamp(min=1e-12)
        rounded = (flat.float() / scale).to(E4M3)
        made = torch._scaled_mm(rounded, self.weight.t(), scale_a=scale, scale_b=self.weight_scale, out_dtype=self.kind)
        return (made + self.bias).reshape(*values.shape[:-1], -1)


def to_fp8(model: torch.nn.Module) -> None:
    """Replace every Linear of the encoder's layers, whose sizes are multiples of 16."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear) and not any(size % 16 for size in child.weight.shape):
                setattr(module, name, Fp8Linear(child))
