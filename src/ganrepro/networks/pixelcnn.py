"""A small gated PixelCNN (van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, section 2).

A pixel's features come from two stacks of convolutions: the vertical one sees the rows above, the horizontal one the
pixels to the left and what the vertical one saw, so that no earlier pixel is missed. No kernel is masked: images enter
a row lower and a column further right, and kernels reach up and left only. Ours: the channels of a pixel, which the
paper takes from three groups of masked maps, come from a small head each that is given the earlier ones.
"""

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.errors import UserError


class GatedLayer(nn.Module):
    """A layer of both stacks (Figure 2): tanh of one half of the maps times sigmoid of the other.

    inputs: of both stacks. kernel: an odd number, width and height that a k x k kernel would have before it is cut to
    what comes earlier. classes: how many there are, each with biases of its own (equation 4); 0 for none. The
    horizontal stack is residual, but in the first layer, whose inputs are values of the image.
    """

    def __init__(self, inputs: int, filters: int, kernel: int, classes: int, residual: bool) -> None:
        super().__init__()
        self.side, self.reach, self.residual = kernel // 2, kernel // 2 + 1, residual
        self.vertical = nn.Conv2d(inputs, 2 * filters, (self.reach, kernel))
        self.link = nn.Conv2d(2 * filters, 2 * filters, 1, bias=False)
        self.horizontal = nn.Conv2d(inputs, 2 * filters, (1, self.reach))
        self.output = nn.Conv2d(filters, filters, 1)
        self.told = nn.Embedding(classes, 4 * filters) if classes else None

    def biases(self, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """int64 [n] -> what a class adds to the vertical and to the horizontal maps, [n, 2 filters, 1, 1] each."""
        if self.told is None or labels is None:
            nothing = self.output.weight.new_zeros(1, 1, 1, 1)
            return nothing, nothing
        vertical, horizontal = self.told(labels)[:, :, None, None].chunk(2, 1)
        return vertical, horizontal

    def down(self, maps: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Vertical maps [n, inputs, reach - 1 + rows, width], those above first -> the next ones and the link's."""
        found = self.vertical(functional.pad(maps, (self.side, self.side)))
        return gated(found + bias), self.link(found)

    def across(self, maps: Tensor, linked: Tensor, bias: Tensor) -> Tensor:
        """Horizontal maps [n, inputs, rows, reach - 1 + columns], those to the left first, and the link's -> the next.

        [n, filters, rows, columns].
        """
        found = self.output(gated(self.horizontal(maps) + linked + bias))
        return found + maps[..., self.reach - 1 :] if self.residual else found


def gated(maps: Tensor) -> Tensor:
    """[n, 2 filters, ...] -> [n, filters, ...], equation 2."""
    value, gate = maps.chunk(2, 1)
    return value.tanh() * gate.sigmoid()


class Head(nn.Module):
    """Features of a pixel and its `earlier` channels' values -> one logit a level, by a hidden layer with ReLU."""

    def __init__(self, filters: int, earlier: int, hidden: int, levels: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(filters + earlier, hidden, 1)
        self.output = nn.Conv2d(hidden, levels, 1)

    def forward(self, features: Tensor, earlier: Tensor) -> Tensor:
        """[n, filters, rows, columns], [n, earlier, rows, columns] -> [n, levels, rows, columns]."""
        return self.output(self.hidden(torch.cat([features, earlier], 1)).relu())


class PixelCNN(nn.Module):
    """p(image) as a product over pixels, row by row from the upper left, and over their channels in order.

    levels: how many values a channel is told apart in, 2 to 256. classes: how many it is told, 0 for none.
    filters: maps of each stack. kernels: odd, one a layer; a pixel sees as many rows above, and columns on both sides,
    as their halves add up to, and one more row. hidden: units of each channel's head. UserError for numbers that cannot
    be.
    """

    def __init__(
        self, shape: tuple[int, ...], levels: int, classes: int, filters: int, kernels: Sequence[int], hidden: int
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError("PixelCNN is for images: choose image data.")
        if not 2 <= levels <= 256 or classes < 0 or filters < 1 or hidden < 1:
            raise UserError(
                f"levels={levels} classes={classes} filters={filters} hidden={hidden}: PixelCNN tells 2 to 256 levels "
                "apart, with at least one filter and one hidden unit."
            )
        if not kernels or any(kernel < 1 or kernel % 2 == 0 for kernel in kernels):
            raise UserError(f"kernels={list(kernels)}: PixelCNN needs at least one, and odd ones.")
        self.shape, self.levels, self.classes = shape, levels, classes
        self.layers = nn.ModuleList(
            GatedLayer(filters if number else shape[0], filters, kernel, classes, residual=number > 0)
            for number, kernel in enumerate(kernels)
        )
        self.heads = nn.ModuleList(Head(filters, channel, hidden, levels) for channel in range(shape[0]))

    def initialise(self, generator: torch.Generator) -> None:
        """Weights from N(0, 1 / inputs), a tenth of that spread where they make logits; biases 0, classes alike."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear", generator=generator)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.Embedding):
                nn.init.zeros_(layer.weight)
        with torch.no_grad():
            for head in self.heads:
                head.output.weight.mul_(0.1)  # type: ignore[union-attr, operator]

    # Pixels, levels, values. -------------------------------------------------------------------------------------

    def quantised(self, pixels: Tensor) -> Tensor:
        """uint8 of any shape -> levels, int64, of equal width. ValueError for pixels that are not uint8."""
        if pixels.dtype != torch.uint8:
            raise ValueError(f"pixels are {pixels.dtype}, not uint8")
        return pixels.long() * self.levels // 256

    def pixels(self, levels: Tensor) -> Tensor:
        """Levels of any shape -> uint8; the lowest is 0, the highest 255."""
        return (levels * (255 / (self.levels - 1))).round().to(torch.uint8)

    def values(self, levels: Tensor) -> Tensor:
        """Levels of any shape -> what the network sees of them, float32 in [-1, 1]."""
        return levels.float() * (2 / (self.levels - 1)) - 1

    # Likelihood. -------------------------------------------------------------------------------------------------

    def forward(self, levels: Tensor, labels: Tensor | None = None) -> Tensor:
        """int64 [n, channels, height, width], [n] -> logits [n, levels, channels, height, width].

        A channel's logits depend on the pixels before it, and on the same pixel's earlier channels. ValueError where
        labels are missing, or given and not used.
        """
        self.check(labels, len(levels))
        seen = self.values(levels)
        vertical, horizontal = functional.pad(seen, (0, 0, 1, -1)), functional.pad(seen, (1, -1))
        for layer in self.layers:
            assert isinstance(layer, GatedLayer)
            above, left = layer.biases(labels)
            vertical, linked = layer.down(functional.pad(vertical, (0, 0, layer.reach - 1, 0)), above)
            horizontal = layer.across(functional.pad(horizontal, (layer.reach - 1, 0)), linked, left)
        features = horizontal.relu()
        return torch.stack([head(features, seen[:, :channel]) for channel, head in enumerate(self.heads)], 2)

    def nll(self, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """uint8 [n, channels, height, width] -> bits per dimension of each image's levels, float32 [n]."""
        levels = self.quantised(pixels)
        nats = functional.cross_entropy(self(levels, labels), levels, reduction="none")
        return nats.mean((1, 2, 3)) / log(2)

    def check(self, labels: Tensor | None, n: int) -> None:
        """ValueError for labels that do not belong to n images of this network."""
        if (labels is not None) != (self.classes > 0) or (labels is not None and labels.shape != (n,)):
            told = f"{n} labels" if self.classes else "no labels"
            raise ValueError(f"this PixelCNN is to be given {told} with {n} images")

    # Sampling. ---------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def sample(self, n: int, labels: Tensor | None, generator: torch.Generator) -> Tensor:
        """n images drawn pixel by pixel, uint8 [n, channels, height, width] on the generator's device.

        Each row of the vertical stack and each place of the horizontal one is computed once, when it is reached: as
        many operations as `forward` has, not that times the pixels. ValueError as in `forward`.
        """
        self.check(labels, n)
        layers = [layer for layer in self.layers if isinstance(layer, GatedLayer)]
        biases = [layer.biases(labels) for layer in layers]
        levels = torch.zeros(n, *self.shape, dtype=torch.int64, device=generator.device)
        seen = functional.pad(torch.zeros(levels.shape, device=levels.device), (1, 0, 1, 0))  # a row and column before
        width = self.shape[2]
        above = [seen.new_zeros(n, layer.vertical.in_channels, layer.reach, width) for layer in layers]
        for row in range(self.shape[1]):
            linked, maps = [], seen[:, :, row : row + 1, 1:]
            for number, layer in enumerate(layers):
                above[number] = torch.cat([above[number][:, :, 1:], maps], 2)
                maps, link = layer.down(above[number], biases[number][0])
                linked.append(link)
            left = [seen.new_zeros(n, layer.horizontal.in_channels, 1, layer.reach) for layer in layers]
            for column in range(width):
                place = (slice(row + 1, row + 2), slice(column + 1, column + 2))
                maps = seen[:, :, place[0], column : column + 1]
                for number, layer in enumerate(layers):
                    left[number] = torch.cat([left[number][..., 1:], maps], 3)
                    maps = layer.across(left[number], linked[number][..., column : column + 1], biases[number][1])
                for channel, head in enumerate(self.heads):
                    logits = head(maps.relu(), seen[:, :channel, *place])[..., 0, 0]
                    drawn = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
                    levels[:, channel, row, column] = drawn
                    seen[:, channel, row + 1, column + 1] = self.values(drawn)
        return self.pixels(levels)
