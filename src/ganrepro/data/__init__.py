"""Image sets held in memory as uint8: `images` is the interface, the other modules read one source each."""

from ganrepro.data.images import ImageData
from ganrepro.data.points import GaussianMixture

Data = ImageData | GaussianMixture
