"""What a page does not show: probes of other weights, and distances of a few images."""

import json

import pytest
from markdown_pages import rows, section, study_page
from planted_dcgan import DIGITS, FACES, plant_pictures, plant_probe


@pytest.fixture
def page(root, tmp_path, claims_dir):
    """`page(study, scale)`: its text, and the names of its files, which lie in out/<study>."""
    return lambda study, scale="laptop": study_page(root, study, tmp_path / "out" / study, claims_dir, scale)


def test_a_probe_from_before_the_run_went_on_is_stale(plant, page):
    [folder] = plant_pictures(plant, "dcgan_lsun", DIGITS, seeds=1)
    plant_probe(folder, "forget", {"lost/dropped": 0.75}, ["maps found by 3 boxes"], generator_updates=1000)
    text, files = page("dcgan_lsun")
    run = "runs/dcgan_lsun/laptop/default-1a2b3c4d/seed=0"
    assert f"Forgetting, seed 0: stale, run it again: `python run.py probe=forget run={run}`." in section(
        text, "Probes"
    )
    assert "0.75" not in section(text, "Probes")
    assert "dcgan_lsun_forget.png" not in files


def test_marked_pixels_stand_beside_the_others(plant, page):
    [folder] = plant_pictures(plant, "dcgan_lsun", DIGITS, seeds=1)
    plant_probe(folder, "forget", {"change/marked": 0.25, "change/unmarked": 0.125}, ["maps found by 3 boxes"])
    table = {row[0]: row[1] for row in rows(section(page("dcgan_lsun")[0], "Probes"))}
    assert table["forget: mean change of a value in the marked pixels, the maps dropped"] == "0.25"
    assert table["forget: the same in the other pixels of these samples"] == "0.125"


# What distances rest on. ---------------------------------------------------------------------------------------


def few_images(plant, seeds=2):
    """Faces with 20 test images, as the laptop has them."""
    folders = plant_pictures(plant, "dcgan_faces", FACES, seeds=seeds)
    for folder in folders:
        record = json.loads((folder / "result.json").read_text())
        for at in ("final", "best"):
            record["metrics"][at] |= {"images": 20.0, "dims": 5.0, "valid/images": 20.0, "valid/dims": 5.0}
        (folder / "result.json").write_text(json.dumps(record))


def test_twenty_images_have_pictures_and_no_scores(plant, page, tmp_path):
    few_images(plant)
    text, files = page("dcgan_faces")
    assert "dcgan_faces_sheet.png" in files
    assert len(section(text, "Probes")) > 500
    why = (
        "There are 20 test images in 5 dimensions and 20 validation images in 5 dimensions, fewer than 100: no Frechet"
    )
    assert why in section(text, "All cells")
    assert why in section(text, "Cell by cell")
    assert "dcgan_faces_cells.png" not in files
    assert {row[3] for row in rows(section(text, "All cells"))} == {"–"}
    table = (tmp_path / "out" / "dcgan_faces" / "table.csv").read_text()
    assert "frechet,last,2" not in table
    assert ",best,2," not in table


def test_enough_images_are_counted(plant, page):
    plant_pictures(plant, "dcgan_faces", FACES, seeds=2)
    text, files = page("dcgan_faces")
    assert "dcgan_faces_cells.png" in files
    assert "Frechet distances are of 300 test images, with as many samples." in section(text, "All cells")
    assert rows(section(text, "All cells"))[0][3].startswith("20.5 [")
