"""Words of every kind of run, as small as they can be; each has six checkpoints."""

SHORT = ["workers=1", "batch_size=20", "updates=24", "tick=2", "evaluate_every=12", "checkpoint_every=4"]
POINTS = [
    "latent.z.dim=4", "network.generator.hidden=[6]", "network.discriminator.hidden=[6]", "evaluation.samples=200",
    "evaluation.w1_points=100", "evaluation.moments=[12]",
]  # fmt: skip
MLP = [
    "experiment=gan_mnist", *SHORT, "seeds=1", "latent.z.dim=6", "network.generator.hidden=[8]",
    "network.discriminator.units=[5]", "network.discriminator.pieces=2", "evaluation.samples=40",
    "evaluation.probe_images=20",
]  # fmt: skip
KINDS = {
    "MLP": MLP,
    "ring": ["experiment=lsgan_ring", *SHORT, *POINTS, "seeds=1", "population=1"],
    "DCGAN": [
        "experiment=dcgan_mnist_conditional", *SHORT, "seeds=1", "data.size=8", "latent.z.dim=4",
        "network.generator.hidden=[6]", "network.generator.first=4", "network.generator.channels=[3]",
        "network.discriminator.hidden=[6]", "network.discriminator.channels=[3,4]", "network.generator.weight_std=0.2",
        "network.discriminator.weight_std=0.2", "evaluation.samples=60",
    ],
    "population": ["experiment=lsgan_ring", *SHORT, *POINTS, "seeds=3", "population=2"],
}  # fmt: skip
