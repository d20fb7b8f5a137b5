"""What can be typed after probe=. Imports nothing heavy: `run.py --help` comes through here."""

from ganrepro.schema import Key

PROBES = {
    "samples": "the run's samples with their numbers, which choices= counts",
    "latent_walk": "straight lines between random latents; how even their steps are, beside an untrained G",
    "guided_backprop": "what D's features respond to, beside random filters",
    "forget": "G's maps that draw an object, or a class, found and dropped",
    "arithmetic": "a - b + c of three exemplars each, beside single exemplars and pixels",
    "pose": "an axis from left to right, added to random latents",
    "memorisation": "nearest training images, beside those of test images",
}

KEYS = {
    "probe": Key(str, "what to look for", choices=(*PROBES, "all")),
    "run": Key(str, "the folder of one trained seed: runs/.../seed=0"),
    "seed": Key(int, "of the probe's own draws; default 0", low=0),
    "which": Key(str, "the run's last or best networks; default final", choices=("final", "best")),
    "samples": Key(int, "samples behind the numbers, of latent_walk lines, of guided_backprop images", low=50),
    "layer": Key(int, "guided_backprop alone: which of D's convolutions; default the last", low=1),
    "choices": Key(str, "forget, arithmetic, pose: YAML of which samples show what (ganrepro/probes/attributes.py)"),
    "scorers": Key(str, "folder of what judges samples; default the run's own"),
    "out": Key(str, "where to write; default <run>/probes"),
    "debug": Key(bool, "show tracebacks"),
}
