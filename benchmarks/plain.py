"""Training loops as one would write them by hand: same networks, data on the device, fused optimizers, no Lightning."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from ganrepro.adversarial import AdversarialModule
from ganrepro.data.images import ImageData
from ganrepro.losses import LeastSquares, NonSaturating
from ganrepro.rules import alternate_batches, d_then_g, simultaneous


def global_contrast(pixels: Tensor) -> Tensor:
    """What one would write by hand: mean 0 and norm 55 for each image."""
    images = pixels.float()
    images = images - images.mean((1, 2, 3), keepdim=True)
    return images * (55 / torch.linalg.vector_norm(images, dim=(1, 2, 3), keepdim=True))


class PlainLoop:
    """`step()` is one update of a module's networks, with the module's latents and optimizers, on `data`.

    Its arithmetic is that of the module's own round. KeyError for a rule, loss or use of z that has no loop here.
    """

    def __init__(self, module: AdversarialModule, data: ImageData, device: torch.device) -> None:
        self.generator, self.discriminator = module.players["generator"], module.critics["discriminator"]
        networks = {"generator": self.generator.to(device), "discriminator": self.discriminator.to(device)}
        self.constraints = [each.constrain for each in networks.values() if hasattr(each, "constrain")]
        self.g_optimizer, self.d_optimizer = (
            module.make_optimizer(name, network.parameters()) for name, network in networks.items()
        )
        self.g_parameters, self.d_parameters = (list(network.parameters()) for network in networks.values())
        module.use_streams(device)
        self.latent, self.stream = module.latent, module.streams["latent"]
        self.penalty = getattr(module, "penalty", 0.0)
        self.pixels, self.value_range = data.train.pixels.to(device), data.value_range
        self.labels = data.train.labels.to(device)
        self.draws = torch.Generator(device).manual_seed(0)
        self.batch, self.order, self.seen = module.batch_size, torch.empty(0, dtype=torch.int64), 0
        assert module.k == 1
        self.step = {
            (simultaneous, NonSaturating, "shared"): self.at_once,
            (d_then_g, LeastSquares, "shared"): self.in_turn,
            (alternate_batches, NonSaturating, "fresh"): self.alternating,
            (d_then_g, NonSaturating, "fresh"): self.classifying,
        }[module.rule, type(module.loss), module.z]

    def next_indices(self) -> Tensor:
        if self.seen + self.batch > len(self.order):
            self.order = torch.randperm(len(self.pixels), generator=self.draws, device=self.pixels.device)
            self.seen = 0
        self.seen += self.batch
        return self.order[self.seen - self.batch : self.seen]

    def next_batch(self) -> Tensor:
        return self.normalised(self.next_indices())

    def normalised(self, indices: Tensor) -> Tensor:
        taken = self.pixels[indices]
        if self.value_range is None:
            return global_contrast(taken)
        return taken.float() / 127.5 - 1 if self.value_range[0] == -1 else taken.float() / 255

    def generate(self) -> Tensor:
        return self.generator(self.latent.sample(self.batch, self.stream))

    def at_once(self) -> None:
        """The 2014 GAN, as the authors' code has it."""
        real, fake = self.next_batch(), self.generate()
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
        d_loss = 0.5 * (softplus(-real_logits).mean() + softplus(fake_logits).mean())
        g_loss = softplus(-fake_logits).mean()
        self.g_optimizer.zero_grad(set_to_none=True)
        self.d_optimizer.zero_grad(set_to_none=True)
        d_loss.backward(inputs=self.d_parameters, retain_graph=True)
        g_loss.backward(inputs=self.g_parameters)
        self.g_optimizer.step()
        self.d_optimizer.step()
        for constrain in self.constraints:
            constrain()

    def in_turn(self) -> None:
        """LSGAN with the labels 0, 1, 1 and one z for both steps."""
        fake = self.generate()
        real_outputs, fake_outputs = self.discriminator(self.next_batch()), self.discriminator(fake.detach())
        self.d_optimizer.zero_grad(set_to_none=True)
        d_loss = ((real_outputs - 1) ** 2).mean() / 2 + (fake_outputs**2).mean() / 2
        d_loss.backward(inputs=self.d_parameters)
        self.d_optimizer.step()
        self.g_optimizer.zero_grad(set_to_none=True)
        (((self.discriminator(fake) - 1) ** 2).mean() / 2).backward(inputs=self.g_parameters)
        self.g_optimizer.step()

    def alternating(self) -> None:
        """DCGAN as dcgan_code trains it: every real batch is for one player, G first, and each draws its own z."""
        self.next_indices()  # G's batch, at which nobody looks
        self.g_optimizer.zero_grad(set_to_none=True)
        softplus(-self.discriminator(self.generate())).mean().backward(inputs=self.g_parameters)
        self.g_optimizer.step()
        with torch.no_grad():
            fake = self.generate()
        real_logits, fake_logits = self.discriminator(self.next_batch()), self.discriminator(fake)
        self.d_optimizer.zero_grad(set_to_none=True)
        (softplus(-real_logits).mean() + softplus(fake_logits).mean()).backward(inputs=self.d_parameters)
        self.d_optimizer.step()

    def classifying(self) -> None:
        """t-GAN: a class in the last coordinate of every z, a classifier beside D's logit, a penalty on G's mixture."""
        chosen = self.next_indices()
        z = self.latent.sample(self.batch, self.stream)
        with torch.no_grad():
            fake = self.generator(z)
        real_logits, real_classes = self.discriminator(self.normalised(chosen))
        fake_logits, fake_classes = self.discriminator(fake)
        self.d_optimizer.zero_grad(set_to_none=True)
        told = cross_entropy(real_classes, self.labels[chosen]) + cross_entropy(fake_classes, z[:, -1].long())
        (softplus(-real_logits).mean() + softplus(fake_logits).mean() + told).backward(inputs=self.d_parameters)
        self.d_optimizer.step()
        z = self.latent.sample(self.batch, self.stream)
        logits, classes = self.discriminator(self.generator(z))
        self.g_optimizer.zero_grad(set_to_none=True)
        g_loss = softplus(-logits).mean() + cross_entropy(classes, z[:, -1].long())
        (g_loss + self.penalty * self.generator.penalty()).backward(inputs=self.g_parameters)
        self.g_optimizer.step()
