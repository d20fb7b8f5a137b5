"""The choice of workers, and what is recommended: a pure function of the cell and the machine."""

from collections.abc import Callable

import pytest
import torch

from ganrepro import how_to_run as module
from ganrepro.assemble import check_fit
from ganrepro.cells import Cell, cell_of
from ganrepro.how_to_run import Choice, Hardware, gain, how_to_run, stackable_weights, this_machine

Narrow = Callable[..., Cell]
TWO_CORES, MANY_CORES = Hardware("cpu", 2), Hardware("cpu", 16)
TABLE = {"cpu": {1.0: {8: 4.0, 32: 4.0}, 10.0: {8: 2.0, 32: 3.0}}, "cuda": {10.0: {8: 7.0, 32: 25.0}}}


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POPULATION", TABLE)


def test_workers_are_one_a_core_or_one_a_gpu_and_no_more_than_jobs(narrow: Narrow) -> None:
    ten = narrow("seeds=10")
    assert how_to_run(ten, TWO_CORES).workers == 2
    assert how_to_run(ten, MANY_CORES).workers == 10
    assert how_to_run(ten, MANY_CORES, cells=2).workers == 16
    assert how_to_run(narrow("seeds=10", "threads=4"), MANY_CORES).workers == 4
    assert how_to_run(narrow("seeds=10", "threads=4"), TWO_CORES).workers == 1
    assert how_to_run(narrow("seeds=10", "population=5"), MANY_CORES).workers == 2
    assert how_to_run(narrow("seeds=10", "workers=3"), TWO_CORES).workers == 3
    assert how_to_run(ten, Hardware("cuda", 16, gpus=4)).workers == 4
    assert how_to_run(ten, Hardware("mps", 8)).workers == 8


def test_between_measured_sizes_by_logarithm_and_never_less_work_than_measured() -> None:
    table = TABLE["cpu"]
    assert gain(table, 0.2, 8) == 4
    assert gain(table, 1.5, 8) == 2
    assert gain(table, 1.5, 16) == pytest.approx(2.5)
    assert gain(table, 1.5, 1) == 1
    assert gain(table, 1.5, 500) == 3
    assert gain(table, 11.0, 32) == 1, "nothing is known of so much work"
    assert gain({}, 1.0, 8) == 1


def test_a_population_is_recommended_where_it_is_faster_in_all(narrow: Narrow) -> None:
    """Idle cores and empty places are counted: 10 seeds on two cores want two populations of 5, not one of 8 or 10."""
    small = 10_000  # weights, in batches of 10: a tenth of a million
    choice = how_to_run(narrow("seeds=10"), TWO_CORES, weights=small)
    assert choice == Choice(2, 1, 1, choice.advice)
    assert choice.advice.startswith("population=5 would be about 3.3 times as fast")
    assert "population=10 would" in how_to_run(narrow("seeds=10"), TWO_CORES, cells=2, weights=small).advice
    assert "population=10 would" in how_to_run(narrow("seeds=10"), Hardware("cuda", 16, 1), weights=10**6).advice
    assert "population=3 would" in how_to_run(narrow("seeds=5", "population=64"), TWO_CORES, weights=small).advice
    assert how_to_run(narrow("seeds=10", "population=5"), TWO_CORES, weights=small).advice == ""
    assert how_to_run(narrow("seeds=10"), TWO_CORES, weights=None).advice == "", "they cannot be stacked"
    assert how_to_run(narrow("seeds=2"), TWO_CORES, weights=small).advice == "", "one core each"
    assert how_to_run(narrow("seeds=10", "workers=2"), TWO_CORES, weights=small).advice == "", "the user has chosen"


def test_one_thread_is_recommended_where_there_are_jobs_for_all_cores(narrow: Narrow) -> None:
    large = 4_000_000  # beyond what a population is measured for
    assert "threads=1, a process a core" in how_to_run(narrow("seeds=2", "threads=2"), TWO_CORES, weights=large).advice
    assert how_to_run(narrow("seeds=1", "threads=2"), TWO_CORES, weights=large).advice == ""
    assert how_to_run(narrow("seeds=2"), TWO_CORES, weights=large).advice == ""
    assert how_to_run(narrow("seeds=2", "threads=2"), Hardware("cuda", 2, 1), weights=large).advice == ""


def test_only_what_can_be_stacked_has_advice(narrow: Narrow, conf: object) -> None:
    made = check_fit(narrow())
    assert stackable_weights(made) == sum(parameter.numel() for parameter in made.parameters())
    assert stackable_weights(check_fit(cell_of(["experiment=gan_cifar10_conv"], {}))) is None


def test_the_choice_reads_well() -> None:
    assert str(Choice(2, 1, 5)) == "workers=2 threads=1 population=5"
    assert str(Choice(1, 1, 1, "more")) == "workers=1 threads=1 population=1; more"
    assert this_machine("cpu").device == "cpu"
    assert this_machine("cpu").gpus == torch.cuda.device_count()
