"""Named streams of randomness: every draw of a run comes from a generator seeded by (seed, purpose).

No draw depends on how often another purpose drew, so evaluating more often, adding a player or training many
seeds at once changes nobody else's numbers. Nothing in the project uses torch's global generator.
"""

import hashlib

import torch


def seed_of(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for torch and numpy, a pure function of its arguments."""
    digest = hashlib.sha256("/".join(map(str, (seed, *purpose))).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh `torch.Generator` on `device`, e.g. `stream(0, "latent")` or `stream(0, "order", epoch)`."""
    return torch.Generator(device).manual_seed(seed_of(seed, *purpose))
