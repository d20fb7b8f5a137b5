import json

from ganrepro.report.records import Run, address, read_cell, read_runs, remarks, select


def test_reads_by_study_and_scale_in_order_of_seeds(plant, root):
    for seed in (10, 2):
        plant(seed=seed)
    plant(scale="workstation")
    plant(study="other")
    assert [(run.study, run.scale, run.seed) for run in read_runs(root, "gan_mnist")] == [
        ("gan_mnist", "laptop", 2),
        ("gan_mnist", "laptop", 10),
        ("gan_mnist", "workstation", 0),
    ]
    assert len(read_runs(root)) == 4
    assert read_runs(root / "nowhere") == []


def test_numbers_in_a_cells_name_are_ordered_as_numbers(plant, root):
    for steps in ("125", "5", "25"):
        plant(study="s", cell=f"generator_steps={steps}-0a1b2c3d")
    assert [run.folder.parent.name.split("-")[0] for run in read_runs(root)] == [
        "generator_steps=5",
        "generator_steps=25",
        "generator_steps=125",
    ]


def test_values_come_from_the_last_or_the_best_row_or_the_record(plant):
    run = Run(plant(final={"parzen/test": 1.5, "bad": float("nan")}, best={"parzen/test": 2}))
    assert run.value("parzen/test") == 1.5
    assert run.value("parzen/test", "best") == 2
    assert run.value("speed.samples_per_second") == 51000
    assert run.value("bad") is None
    assert run.value("speed.nothing.deeper") is None
    assert run.value("data.name") is None


def test_a_cut_off_folder_is_a_running_run(root):
    folder = root / "gan_mnist" / "laptop" / "default-00000000" / "seed=0"
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text('{"generator_updates": 50}\n{"generator_upd')
    (folder / "result.json").write_text('{"status": "do')
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / "samples.npz").write_bytes(b"PK\x03\x04 cut off")
    [run] = read_runs(root)
    assert (run.status, run.finished, run.record, run.choices) == ("running", False, {}, {})
    assert run.rows == [{"generator_updates": 50}]
    assert run.arrays("samples") is None
    assert run.arrays("lines") is None
    assert run.pictures == []
    assert run.value("parzen/test") is None


def test_what_is_no_run_is_not_read(plant, root):
    folder = plant()
    (folder.parent / "seed=x").mkdir()
    (folder.parent / ".stale" / "seed=0").mkdir(parents=True)
    (root / ".sweeps" / "a" / "b" / "seed=0").mkdir(parents=True)
    (root / "gan_mnist" / "laptop" / "report").mkdir()
    assert [run.folder for run in read_runs(root)] == [folder]
    assert read_cell(root / "nowhere") == []


def test_departures_grid_and_variant_set_a_run_apart(plant):
    plain = Run(plant())
    other = Run(plant(cell="a-1", departures={"updates": 9}, coordinates={"loss": "gan"}, variant="as_printed"))
    assert plain.choices == {}
    assert other.choices == {"variant": "as_printed", "loss": "gan", "updates": "9"}


def test_select_takes_the_cell_with_most_finished_seeds_and_says_so(plant, root):
    plant(cell="default-bbbbbbbb", seed=0)
    for seed in (0, 1):
        plant(cell="default-cccccccc", seed=seed, status=("done", "diverged")[seed])
    plant(cell="default-aaaaaaaa", seed=0)
    plant(cell="default-aaaaaaaa", seed=1, status="running")
    plant(cell="loss=gan_saturating-dddddddd", departures={"loss": "gan_saturating"})
    runs, notes = select(read_runs(root), {})
    assert {run.cell for run in runs} == {"default-cccccccc"}
    assert notes == [
        "default-cccccccc was taken: it has the most finished seeds. Not used: default-aaaaaaaa, default-bbbbbbbb."
    ]
    [departed], notes = select(read_runs(root), {"loss": "gan_saturating"})
    assert departed.cell == "loss=gan_saturating-dddddddd"
    assert notes == []
    assert select(read_runs(root), {"loss": "other"}) == ([], [])


def test_on_a_tie_the_first_by_name_is_taken(plant, root):
    plant(cell="default-bbbbbbbb")
    plant(cell="default-aaaaaaaa")
    assert select(read_runs(root), {})[0][0].cell == "default-aaaaaaaa"


def test_mixed_sources_and_lengths_are_remarked(plant, root):
    plant(seed=0)
    plant(seed=1, source_digest="ffffffff")
    plant(seed=2, updates_wanted=9)
    plant(seed=3, source_digest="unfinished", status="running")
    assert remarks(read_runs(root)) == [
        "default-1a2b3c4d: runs of different sources are mixed: 0123abcd (seed 0, 2); ffffffff (seed 1).",
        "default-1a2b3c4d: runs of different numbers of updates are mixed: 2000 (seed 0, 1); 9 (seed 2).",
    ]


def test_address_names_no_machine(plant):
    folder = plant()
    assert address(folder) == "runs/gan_mnist/laptop/default-1a2b3c4d/seed=0"
    assert address(folder.parent) == "runs/gan_mnist/laptop/default-1a2b3c4d"


def test_rows_that_are_no_objects_are_left_out(plant):
    folder = plant()
    (folder / "metrics.jsonl").write_text("[1]\n" + json.dumps({"a": 1}) + "\n\n")
    assert Run(folder).rows == [{"a": 1}]
