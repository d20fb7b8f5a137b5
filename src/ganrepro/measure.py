"""A seed of a study that trains no networks: its model is called once, and what it measured is the result."""

import time

from ganrepro.assemble import data_of, identity_of, measurement_of
from ganrepro.cells import Cell
from ganrepro.provenance import provenance
from ganrepro.recorder import write_arrays
from ganrepro.runs import RunFolder
from ganrepro.streams import stream


def measure_seed(cell: Cell, run: RunFolder, seed: int, claims: dict[str, str]) -> None:
    """Computes one seed and writes its record; `updates` is the number of iterations the model may take."""
    (run.path / "error.txt").unlink(missing_ok=True)
    run.write_config(cell.config)
    data = data_of(cell)
    record = {**provenance(cell, data, identity_of(cell), seed, claims), "status": "running", "reason": None}
    if not run.done.exists():  # else its result stands until there is a new one
        run.write_record(record)
    model = measurement_of(cell.config, data)
    begun = time.monotonic()
    measured = model(lambda *purpose: stream(seed, *purpose), cell.config["updates"])
    seconds = time.monotonic() - begun
    for name, arrays in measured.arrays.items():
        write_arrays(run.artifacts / f"{name}.npz", arrays)
    best = {"monitor": model.monitor, "mode": model.mode, "final": measured.metrics, "best": measured.metrics}
    result = {"generator_updates": cell.config["updates"], "metrics": best, "speed": {"seconds": round(seconds, 2)}}
    run.write_record({**record, "status": "done", **result})
    run.done.touch()
