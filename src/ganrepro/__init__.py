"""ganrepro re-runs the experiments of early GAN papers and says, claim by claim, what held up."""

from typing import Any


def load(*args: Any, **kwargs: Any) -> Any:
    """See `ganrepro.loading.load`; imported on the first call, so that `import ganrepro` stays light."""
    from ganrepro.loading import load

    return load(*args, **kwargs)
