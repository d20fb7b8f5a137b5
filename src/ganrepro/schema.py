"""Every configuration key: its type, its range, what it does. Read by the checks, by --help and by the tests.

Imports nothing heavy: `run.py --help` comes through here.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ganrepro.errors import UserError

GROUPS = ("model", "data", "network", "latent", "loss", "optimizer", "trainer", "logger", "evaluation")
CODES = ("none", "raw", "scaled", "one_hot")  # ganrepro/networks/mixture.py
ACTIVATIONS = ("tanh", "relu", "leaky_relu", "maxout")
RULES = ("simultaneous", "d_then_g", "alternate_batches", "controlled")  # ganrepro/rules.py
LARGEST = 2**63 - 1  # a whole number that torch can hold


@dataclass(frozen=True)
class Key:
    """One key. `kind` is int, float, bool, str, or list[...] of one; `low` and `high` are inclusive, `above` is not."""

    kind: Any
    help: str
    low: float = -math.inf
    above: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    optional: bool = False
    count: bool = False  # a list, or a whole number that says how long it is
    length: int = 0  # of a list; 0: any
    infinite: bool = False  # whether inf is a value
    neutral: Any = ...  # a value that does nothing: it stays out of the address, so that older runs keep theirs

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value, in a few words, or None."""
        if value is None:
            return None if self.optional else f"needs {self.expected}"
        if getattr(self.kind, "__origin__", None) is list:
            if self.count and isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return None
            if not isinstance(value, list) or len(value) != (self.length or max(1, len(value))):
                return f"needs {self.expected}"
            item = Key(self.kind.__args__[0], "", self.low, self.above, self.high)
            return next((problem for each in value if (problem := item.problem(each))), None)
        right = isinstance(value, (int, float) if self.kind is float else self.kind)
        if not right or value == "" or (isinstance(value, bool) and self.kind is not bool):
            return f"needs {self.expected}"
        if self.choices and value not in self.choices:
            near = difflib.get_close_matches(str(value), self.choices, 1)
            return f"needs {self.expected}" + (f" (did you mean {near[0]}?)" if near else "")
        if self.kind is int and abs(value) > LARGEST:
            return f"needs {self.expected}, below 2^63"
        in_range = self.kind in (bool, str) or (
            self.low <= value <= self.high and value > self.above and (math.isfinite(value) or self.infinite)
        )
        return None if in_range else f"needs {self.expected}"

    def typed(self, value: Any) -> Any:
        """A value that has no problem, in this key's type: lr=1 and lr=1.0 are one setting and one address."""
        if isinstance(value, list):
            return [Key(self.kind.__args__[0], "").typed(item) for item in value]
        return float(value) if self.kind is float and value is not None else value

    @property
    def expected(self) -> str:
        """The type and range in words, e.g. "a whole number, at least 1"."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        kind = getattr(self.kind, "__origin__", None)
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
        text = "a count of at least 1, or " * self.count
        if kind is list:
            text += f"a list of {self.length}, each " if self.length else "a list, each "
        text += names.get(self.kind.__args__[0] if kind is list else self.kind, "a list of numbers")
        if self.above > -math.inf:
            text += f", above {self.above:g}"
        if self.low > -math.inf:
            text += f", at least {self.low:g}"
        if self.high < math.inf:
            text += f", at most {self.high:g}"
        text += ", or inf" * self.infinite
        return text + (", or null" if self.optional else "")


def count(text: str, optional: bool = False) -> Key:
    return Key(int, text, low=1, optional=optional)


def probability(text: str) -> Key:
    return Key(float, text, above=0, high=1)


def limit(text: str) -> Key:
    return Key(float, text, above=0, optional=True)


# The keys of every study. Which of them are part of a run's address is said in cells.py.
TOP: dict[str, Key] = {
    "study": Key(str, "the study's name; set by experiment=", optional=True),
    "paper": Key(str, "the paper it belongs to; set by experiment=", optional=True),
    "about": Key(str, "one line on the study; set by experiment=", optional=True),
    "scale": Key(str, "how much of the paper the hardware carries", choices=("laptop", "workstation", "paper")),
    "variant": Key(str, "whose settings, where text and code differ", choices=("authors_code", "as_printed")),
    "seeds": Key(list[int], "a count, seeds=3, or a list, seeds=[4,7]: one run each", low=0, count=True),
    "updates": count("generator updates; a finished run is made longer by raising it"),
    "batch_size": count("images in each real and each generated batch"),
    "update": Key(str, "order of the steps in a round", choices=RULES),
    "k": count("discriminator updates per generator update"),
    "generator_steps": Key(int, "generator updates to each (k) of the discriminator", low=1, neutral=1),
    "input": Key(str, "the run a second stage goes on from; set by experiment=", optional=True, neutral=None),
    "input.study": Key(str, "the study of that run: its own settings, on the same data, with the same seed"),
    "input.updates": count("generator updates that run must have"),
    "input.networks": Key(list[str], "which of its networks are taken over; the others begin anew"),
    "z": Key(str, "whether G's step draws new latents or takes D's", choices=("fresh", "shared")),
    "weight.generator": Key(float, "factor on G's loss", above=0),
    "weight.discriminator": Key(float, "factor on D's loss; the 2014 authors' code has 0.5", above=0),
    "lr_g": Key(float, "G's learning rate; null: optimizer.lr", above=0, optional=True, neutral=None),
    "lr_d": Key(float, "D's learning rate; null: optimizer.lr", above=0, optional=True, neutral=None),
    "population": Key(int, "seeds of a cell that one process trains at once, stacked", low=1, neutral=1),
    "reduction": Key(str, "of LSGAN's losses over a batch; the authors' code has sum", choices=("mean", "sum")),
    "penalty": Key(float, "of G's loss on the scales of its mixture, in t-GAN's studies", low=0),
    "labels.fake": Key(float, "what D should say of generated images: a of the LSGAN paper; set by labels="),
    "labels.real": Key(float, "what D should say of real images: b"),
    "labels.target": Key(float, "what G wants D to say of its images: c"),
    "tick": count("updates between two rows of metrics.jsonl"),
    "evaluate_every": count("updates between two evaluations; a multiple of tick"),
    "checkpoint_every": count("updates between two checkpoints; a multiple of tick"),
    "threads": count("CPU threads of a run; more threads give other last bits, so it is part of the address"),
    "workers": count("seeds trained at once, each in a process; null: one a core, or one a GPU", optional=True),
    "runs": Key(str, "folder of all runs"),
    "rerun": Key(
        str,
        "missing trains what is not there; stale also what older sources made",
        choices=("missing", "stale"),
    ),
    "resume": Key(str, "a run folder, or a checkpoint in one, to go on from", optional=True),
    "keep": Key(str, "after a run: full keeps what is needed to make it longer", choices=("full", "weights")),
    "plan": Key(bool, "print jobs, time and disk, and start nothing"),
    "debug": Key(bool, "show tracebacks"),
    "budget": Key(float, "minutes the study takes at this scale on two cores, all seeds", above=0, optional=True),
}

OPTIONS: dict[str, Key] = {
    "trainer.accelerator": Key(
        str, "where it runs; auto is CUDA if present, else CPU", choices=("auto", "cpu", "cuda", "mps")
    ),
    "trainer.precision": Key(str, "arithmetic", choices=("32-true", "64-true", "bf16-mixed")),
    "trainer.devices": Key(
        int,
        "with trainer=ddp: processes that train one seed, a GPU each; null: all GPUs of the machine",
        low=2,
        optional=True,
    ),
    "trainer.sync_batchnorm": Key(
        bool, "with trainer=ddp: batch norm over the whole batch, not a rank's part; GPUs only", neutral=False
    ),
    "logger.project": Key(str, "W&B project"),
    "logger.offline": Key(bool, "W&B writes to disk only; `wandb sync` sends it later"),
    "data.root": Key(str, "the folder that holds the data sets; default data/ or GANREPRO_DATA"),
    "data.download": Key(bool, "fetch what is absent"),
    "data.folder": Key(str, "the pictures: a path under data.root, or an absolute one"),
    "data.validation": count("how many of the last training images are held out"),
    "data.size": count("height and width of the images after resizing"),
    "data.channels": Key(int, "3 for RGB, 1 for grey", low=1, high=3),
    "data.value_range": Key(
        list[float], "what the networks see: [0,1] or [-1,1]; null with gcn", low=-1, high=1, length=2, optional=True
    ),
    "data.scaling": Key(
        str,
        "range, or gcn: each image with mean 0 and L2 norm 55, as the 2014 authors' CIFAR-10",
        choices=("range", "gcn"),
        neutral="range",
    ),
    "data.folds": Key(int, "divisions of the held-out images into validation and test; 1: as it is", low=1, neutral=1),
    "data.stand_in_for": Key(
        str, "the data set this one replaces, named wherever results are shown", optional=True, neutral=None
    ),
    "data.means": Key(list[list[float]], "centres of a mixture's Gaussians"),
    "data.stds": Key(list[float], "their standard deviations", above=0),
    "data.weights": Key(list[float], "their weights", above=0),
    "data.crop": Key(bool, "cut pictures to the centre square; false squashes the whole of each", neutral=True),
    "data.centre": Key(
        float, "the share of the centre square's side that is kept, in its middle", above=0, high=1, neutral=1.0
    ),
    "data.deduplicated": Key(bool, "without the near-duplicates that lsun_dedup found", neutral=False),
    "data.index": Key(str, "where lsun_dedup's index lies: a run folder, one above, or the file"),
    "data.scene": Key(
        str,
        "which of LSUN's scenes",
        choices=("bedroom", "kitchen", "church_outdoor", "dining_room", "conference_room"),
    ),
    "data.images": Key(
        int,
        "training images that are kept, of LSUN the first by key; null: all but those held out",
        low=1,
        optional=True,
        neutral=None,
    ),
    "data.pick": Key(str, "which these are", choices=("last_of_class", "random"), neutral="last_of_class"),
    "data.test": count("how many of the last images are the test images"),
    "data.train_folder": Key(str, "the .gnt files to train on: a folder under data.root, or an absolute one"),
    "data.test_folder": Key(str, "the .gnt files to test on: a folder under data.root, or an absolute one"),
    "data.per_class": Key(int, "training images of each rendered digit", low=5),
    "data.rotation": Key(float, "half of the digits are turned by up to so many degrees; 0: none", low=0, high=45),
    "data.modes": Key(int, "Gaussians on the ring, or blobs", low=1),
    "data.points": count("points in the set of blobs"),
    "data.radius": Key(float, "of the ring", above=0),
    "data.std": Key(float, "of each of its Gaussians", above=0),
    "data.duplicate_first_mode": Key(bool, "the ring's first Gaussian weighs twice, as in the authors' code"),
    "model.samples": Key(int, "pictures in each set of known quality", low=2),
    "model.draws": count("sets of each kind"),
    "model.scorers": Key(str, "folder of what judges samples; made when it is missing"),
    "model.code": count("units of the autoencoder's code, a bit each"),
    "model.noise": Key(float, "standard deviation of the noise it undoes, on pixels in [-1, 1]", low=0),
    "model.keep": probability("share of the code that dropout keeps"),
    "model.weight_std": Key(float, "standard deviation of its first weights", above=0),
    "model.lr": Key(float, "Adam's learning rate at the start", above=0),
    "model.batch": count("images in each of its batches"),
    "model.planted": Key(int, "images that get a near-duplicate, to count what is found", low=0),
    "model.penalty": Key(float, "pulls the scales of G's mixture to 1, in G's loss; set by penalty=", low=0),
    "model.class_weight.generator": Key(float, "factor on the classification loss in G's loss", low=0),
    "model.class_weight.real": Key(float, "factor on that of real images in D's loss", low=0),
    "model.class_weight.fake": Key(float, "factor on that of generated images in D's loss", low=0),
    "model.told": Key(bool, "whether PixelCNN is told the class"),
    "model.levels": Key(int, "values of a pixel that PixelCNN tells apart", low=2, high=256),
    "model.filters": count("maps of each of its stacks"),
    "model.kernels": Key(list[int], "width of its layers' kernels, odd", low=1),
    "model.hidden": count("units of each channel's head"),
    "model.tested": count("test images behind its bits per dimension"),
    "model.accelerator": Key(str, "where it runs; set by trainer=", choices=("auto", "cpu", "cuda", "mps")),
    "model.toys": count("random pairs of discrete distributions"),
    "model.symbols": Key(int, "symbols of each", low=2),
    "model.atoms": Key(int, "common denominator of their weights", low=2),
    "evaluation.samples": count(
        "generated examples behind a measured distribution: kernel centres, or what is compared"
    ),
    "evaluation.latents": count("latents behind each gradient"),
    "evaluation.low": Key(float, "left end of the grid on which densities are compared"),
    "evaluation.high": Key(float, "right end of that grid"),
    "evaluation.points": Key(int, "points of that grid", low=10),
    "evaluation.scorers": Key(str, "folder of what judges samples; made when it is missing"),
    "evaluation.w1_points": Key(int, "points on each side of the exact Wasserstein distance", low=2),
    "evaluation.moments": Key(list[int], "updates whose samples are kept for the pictures", low=0),
    "evaluation.pairing": Key(
        str,
        "pairs of the modified inception score: in the class predicted, in that asked for, or all",
        choices=("predicted", "asked", "all"),
    ),
    "evaluation.splits": count("parts of the samples whose inception scores are averaged"),
    "evaluation.per_class": count("labels of each class, where features are judged with few"),
    "evaluation.tuning_draws": count("choices of those labels behind the choice of C"),
    "evaluation.draws": count("choices of those labels behind an accuracy"),
    "evaluation.train_images": count("training images whose features are judged; null: all", optional=True),
    "evaluation.supervised_trials": Key(
        int, "networks of D's architecture tried on few labels alone; 0: none", low=0, neutral=0
    ),
    "evaluation.data": Key(str, "images on which features are judged; null: the training data", optional=True),
    "evaluation.sigma_images": count("first validation images, which choose sigma; null: all", optional=True),
    "evaluation.test_images": count("test images scored; null: all", optional=True),
    "evaluation.sigmas": Key(list[float], "lowest, highest and number of candidates, log-spaced", above=0, length=3),
    "evaluation.batch": count("images generated at once, for memory only"),
    "evaluation.lines": count("straight lines in z"),
    "evaluation.line_steps": Key(int, "images on each line", low=3),
    "evaluation.probe_images": Key(int, "images behind each share of copied or recognised ones", low=20),
    "optimizer.lr": Key(float, "learning rate", above=0),
    "optimizer.momentum": Key(float, "momentum", low=0, high=1),
    "optimizer.betas": Key(list[float], "Adam's decay rates", low=0, high=1, length=2),
    "optimizer.eps": Key(float, "Adam's epsilon", above=0),
    "optimizer.fused": Key(bool, "one kernel for the whole step; the same to rounding"),
    "optimizer.weight_decay": Key(float, "times the weights, added to the gradient before Adam", low=0, neutral=0.0),
    "optimizer.schedules.lr.held": Key(int, "epochs at the first learning rate", low=0),
    "optimizer.schedules.lr.over": count("epochs in which it then falls to 0, linearly"),
    "optimizer.schedules.lr.factor": Key(float, "the learning rate is divided by this at every update", low=1),
    "optimizer.schedules.lr.floor": Key(float, "but does not fall below this", above=0),
    "optimizer.schedules.momentum.end": Key(float, "momentum rises linearly to this", low=0, high=1),
    "optimizer.schedules.momentum.last_epoch": Key(int, "in this epoch", low=2),
    "optimizer.alpha": Key(float, "RMSProp's decay of the mean square", low=0, high=1),
    "loss.fake": Key(float, "what D should say of generated images: a of the LSGAN paper"),
    "loss.real": Key(float, "what D should say of real images: b"),
    "loss.target": Key(float, "what G wants D to say of its images: c"),
    "loss.reduction": Key(str, "of the batch's losses; set by reduction=", choices=("mean", "sum")),
    "loss.margin": Key(float, "EBGAN's m: how far D pushes the energy of generated images up", above=0),
    "latent.z.dim": count("coordinates of z"),
    "latent.z.half_width": Key(float, "z is uniform between plus and minus this", above=0),
    "latent.z.std": Key(float, "standard deviation of z", above=0),
    "latent.component.count": count("components of G's mixture"),
    "latent.component.pick": Key(
        str, "stratified: a batch draws all alike; random: each by itself", choices=("stratified", "random")
    ),
    "latent.noise.dim": count("coordinates of the noise"),
    "latent.noise.df": Key(float, "degrees of freedom of the t noise; inf: normal", above=0, infinite=True),
    "latent.noise.half_width": Key(float, "the noise is uniform between plus and minus this", above=0),
    "latent.noise.std": Key(float, "standard deviation of the noise", above=0),
    "latent.codeword.dim": count("coordinates of the code of the class"),
    "latent.codeword.std": Key(float, "their standard deviation around its mean", above=0),
    "network.generator.components": Key(int, "of the mixture G learns; 0: none", low=0),
    "network.generator.scale": Key(str, "of each component", choices=("diagonal", "full")),
    "network.generator.scale_init": Key(float, "where the scales start", above=0),
    "network.generator.scale_signs": Key(bool, "they start uniform between plus and minus that"),
    "network.generator.codeword": Key(int, "coordinates of the noise of the class's code", low=0),
    "network.generator.code": Key(
        str, "the code's mean: the class's index, the same scaled to at most 1, one-hot", choices=CODES
    ),
    "network.generator.kernel_sizes": Key(list[int], "height and width of the kernels of each of G's layers", low=1),
    "network.discriminator.kernel_sizes": Key(list[int], "the same for D's", low=1),
    "network.discriminator.noise": Key(float, "standard deviation of the noise on D's images, in training", low=0),
    "network.discriminator.kernels": Key(int, "of minibatch discrimination; 0: none", low=0),
    "network.discriminator.kernel_dim": count("numbers that each of them compares"),
    "network.discriminator.keep": probability("share of D's activations that dropout keeps"),
    "network.generator.hidden": Key(list[int], "widths of G's hidden layers", low=1),
    "network.generator.activation": Key(str, "between G's layers", choices=ACTIVATIONS),
    "network.discriminator.hidden": Key(list[int], "widths of D's hidden layers", low=1),
    "network.discriminator.activation": Key(str, "between D's layers", choices=ACTIVATIONS),
    "network.generator.init_range": Key(float, "G's weights start uniform between plus and minus this", above=0),
    "network.generator.output_bias": Key(str, "where G's outputs start", choices=("pixel_means", "zero")),
    "network.generator.output_init_range": Key(float, "the same for the weights of G's output layer", above=0),
    "network.generator.sigmoid_bias": Key(float, "where the biases of G's hidden sigmoid layer start"),
    "network.generator.sparse_init": count("weights of each of G's outputs that do not start at zero"),
    "network.generator.max_norm": limit("longest vector of weights into one of G's units; null: no limit"),
    "network.generator.added": Key(list[int], "widths of the layers put before the first stage's G", low=1),
    "network.generator.channels": Key(
        list[int], "maps between G's transposed convolutions; of the 2014 network, those of 10x10", low=1, count=True
    ),
    "network.generator.first": count("maps behind G's fully connected layer"),
    "network.generator.strides": Key(list[int], "of G's transposed convolutions, the last makes the image", low=1),
    "network.generator.kernel": count("height and width of G's kernels"),
    "network.generator.norm": Key(
        str, "behind G's layers: batch, all but the last; all; none; set by norm=", choices=("batch", "all", "none")
    ),
    "network.generator.running": Key(bool, "G's batch norms outside training by running averages, not by the batch"),
    "network.discriminator.running": Key(bool, "the same for D's"),
    "network.generator.eps": Key(float, "epsilon of G's batch norms", above=0),
    "network.discriminator.eps": Key(float, "epsilon of D's batch norms", above=0),
    "network.generator.sampling": Key(
        str, "G grows by transposed convolutions, or by repeated pixels", choices=("strided", "pooling")
    ),
    "network.discriminator.sampling": Key(str, "D shrinks by strides, or by max pools", choices=("strided", "pooling")),
    "network.discriminator.strides": Key(list[int], "of D's convolutions", low=1),
    "network.generator.norm_units": Key(bool, "G's first batch norm scales each unit, not each map"),
    "network.generator.norm_std": Key(float, "G's batch norms start with scales from N(1, this)", low=0),
    "network.generator.output": Key(str, "G's last function, and so its value range", choices=("tanh", "sigmoid")),
    "network.discriminator.units": Key(list[int], "maxout units of each of D's hidden layers", low=1),
    "network.discriminator.pieces": count("linear pieces of a maxout unit"),
    "network.discriminator.channels": Key(list[int], "maps (maxout channels) of each of D's convolutions", low=1),
    "network.generator.gain": Key(float, "G's weights start orthogonal times this, biases at zero", above=0),
    "network.discriminator.gain": Key(float, "the same for D's", above=0),
    "network.discriminator.input_scale": Key(
        float, "D sees points times this; Metz et al. have 1/4", above=0, neutral=1.0
    ),
    "network.generator.condition": Key(
        str, "what G is told of the label; set by condition=", choices=("mapped", "one_hot", "none")
    ),
    "network.discriminator.condition": Key(str, "the same for D", choices=("mapped", "one_hot", "none")),
    "network.generator.mapped": count("numbers that G's linear map makes of a one-hot label"),
    "network.discriminator.mapped": count("the same for D"),
    "network.generator.weight_std": Key(float, "G's weights start normal with this standard deviation", above=0),
    "network.discriminator.weight_std": Key(float, "the same for D's", above=0),
    "network.discriminator.kernel": count("height and width of D's kernels"),
    "network.discriminator.norm": Key(
        str, "between D's layers: batch, all but the first; all; none; set by norm=", choices=("batch", "all", "none")
    ),
    "network.discriminator.norm_std": Key(float, "D's batch norms start with scales from N(1, this)", low=0),
    "network.discriminator.channel_pieces": count("linear pieces of a maxout channel"),
    "network.discriminator.max_norm": limit("longest vector of weights into one piece of D's units; null: no limit"),
    "network.discriminator.init_range": Key(float, "D's weights start uniform between plus and minus this", above=0),
    "network.discriminator.keep_input": probability("share of D's inputs that dropout keeps"),
    "network.discriminator.keep_hidden": probability("share of D's hidden units that dropout keeps"),
}


def key_of(name: str) -> Key | None:
    """The schema's entry for a dotted key; a `_target_` is a word everywhere."""
    if name.endswith("_target_"):
        return Key(str, "the class this option builds")
    if name.startswith("evaluation.data."):  # a data set of its own
        name = name.removeprefix("evaluation.")
    return TOP.get(name) or OPTIONS.get(name)


def known(name: str) -> bool:
    """Whether a dotted name is a key, or holds keys ("weight" holds "weight.generator")."""
    return key_of(name) is not None or any(key.startswith(f"{name}.") for key in (*TOP, *OPTIONS))


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as dotted keys; lists are leaves, and so are empty dictionaries' absences."""
    leaves: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = value
    return leaves


def nearest(name: str, names: Iterable[str]) -> str:
    """ " Did you mean ...?" with up to three names, or nothing."""
    names = list(names)
    likeness = {other: difflib.SequenceMatcher(None, name, other).ratio() for other in names}
    close = difflib.get_close_matches(name, names, 3, max(0.5, max(likeness.values(), default=0) - 0.15))
    last = name.rpartition(".")[2]
    close += [other for other in names if other.rpartition(".")[2] == last and other not in close]
    return f" Did you mean {', '.join(close[:3])}?" if close else ""


def checked(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration, each value in its key's type.

    Raises UserError at the first key that is unknown, of a wrong type, or out of range.
    """
    check(config)
    return _typed(config, "")


def _typed(config: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for name, value in config.items():
        key = None if isinstance(value, Mapping) else key_of(prefix + name)
        if isinstance(value, Mapping):
            typed[name] = _typed(value, f"{prefix}{name}.")
        else:
            typed[name] = key.typed(value) if key else value
    return typed


def check(config: Mapping[str, Any]) -> None:
    """Raises UserError at the first key that is unknown, of a wrong type, or out of range."""
    for name, value in flatten(config).items():
        key = key_of(name)
        if value is None and name in GROUPS:
            continue  # a study that needs none of that group
        if key is None:
            raise UserError(f"Unknown key {name!r}.{nearest(name, [*TOP, *OPTIONS])}")
        if problem := key.problem(value):
            raise UserError(f"{name}={shown(value)}: {problem}. ({name}: {key.help})")
    if config["update"] == "simultaneous" and config["k"] != 1:
        raise UserError(f"k={config['k']} does not go with update=simultaneous: both step once. Use update=d_then_g.")
    if config["update"] == "controlled":
        check_controlled(config)
    seeds = config["seeds"]
    if isinstance(seeds, list) and (not seeds or len(set(seeds)) < len(seeds)):
        raise UserError(f"seeds={shown(seeds)}: needs at least one seed, and each once.")
    for name in ("evaluate_every", "checkpoint_every"):
        if config[name] % config["tick"]:
            raise UserError(f"{name}={config[name]}: needs a multiple of tick={config['tick']}.")


def check_controlled(config: Mapping[str, Any]) -> None:
    """UserError for keys that say who steps how often, or from which draws: the controller does (rules.py)."""
    for name, needed in (("k", 1), ("generator_steps", 1), ("z", "fresh")):
        if config[name] != needed:
            raise UserError(
                f"{name}={config[name]} does not go with update=controlled: it decides before each step whose that is, "
                f"from latents of its own. Use {name}={needed}."
            )


def shown(value: Any) -> str:
    """A value as one types it on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return "[" + ",".join(map(shown, value)) + "]"
    return str(value)
