"""The report's pages in a real Chromium, opened from disk: on a phone and a desk, in the light and in the dark."""

import random
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from planted_dcgan import plant_features
from planted_lsgan import plant_stability
from planted_runs import CLAIMS_DIR, plant_paper, plant_run

from ganrepro.report.page import Page, Picture, Section
from ganrepro.report.paper_page import write_paper
from ganrepro.report.rendering import Table
from ganrepro.report.study import write_study

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
PATIENCE = 600_000  # milliseconds: of a machine that trains meanwhile
LONG = "x" * 120  # a word that no line of a phone holds

# Columns from the smallest on, and what comes last whichever way they are sorted.
COLUMNS: dict[str, tuple[list[str], list[str]]] = {
    "±": (["−1.5 ± 2", "± 0.1", "0.583 ± 0.02", "12 ± 3", "101 ± 7"], ["not run", ""]),
    "interval": (
        ["-121 [-280, 38]", "2.4e-08 [2.2e-08, 2.6e-08]", "0.58", "5.36 [5.13, 5.58]", "21 †"],
        ["no seed", "–"],
    ),
    "percent": (["< 0.1 %", "3.9 [2.8, 4.9] %", "9.00%", "82.8 % ± 0.4", "100%"], ["not stated", ""]),
    "thousands": (["7", "700 of 2000", "1,197", "22,000 images", "1,071,489"], ["many", "–"]),
    "time": (["45 s", "89 s", "2 min", "89 min", "1.5 h"], ["cut off", ""]),
    "rate": (["0 of 9: 0.00 [0.00, 0.30]", "2 of 10: 0.20", "1 of 3: 0.33", "4 of 5: 0.80", "3 of 3: 1.00"], ["?", ""]),
    "words": (["default", "k=2", "k=25", "k=125, loss=gan", "Loss=gan", "loss=lsgan"], [""]),
    "not numbers": (["1.3.8", "1.12.0", "3x3", "5a77e2d", "2026-02-03", "2026-11-28"], ["–"]),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        pytest.fail("This test needs Playwright: pip install --editable '.[browser]' --constraint constraints.txt")
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not found:
        pytest.fail("This test needs Chromium, for instance: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found[0], args=ARGUMENTS, timeout=PATIENCE)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A paper's page, three studies', one with a failed run among them, and a page of hard cases; by name."""
    root, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("reports")
    plant = partial(plant_run, root)
    plant_paper(root, seeds=2)
    departed = {"departures": {"data.folder": LONG}, "label": f"laptop (data.folder={LONG})"}
    plant(cell=f"data.folder={LONG}-99aa00bb", status="error", reason=f"OSError: {LONG}", **departed)
    plant_features(plant, "dcgan_cifar10_features", seeds=2)
    plant_stability(plant, seeds=1)
    studies = ("gan_mnist", "dcgan_cifar10_features", "lsgan_stability")
    drawn = {study: write_study(root, study, "laptop", out / study / "laptop", CLAIMS_DIR) for study in studies}
    paper = write_paper(root, "gan", out / "gan", CLAIMS_DIR)
    return drawn | {"gan": paper, "hard": hard_cases(out / "hard", paper.parent / "figure3.png")}


def hard_cases(out: Path, picture: Path) -> Path:
    """Every kind of column, each in an order of its own, and words that are longer than a line."""
    chance = random.Random(0)
    shuffled = [chance.sample(numbers + rest, k=len(numbers + rest)) for numbers, rest in COLUMNS.values()]
    rows = [[f"row {n}", *cells] for n, cells in enumerate(zip(*shuffled, strict=True))]
    columns = Table(["row", *COLUMNS], rows, notes=[f"`{LONG}`"])
    wide = Table([LONG, "b"], [[LONG, "verdict"], ["(quoted)", ""]], [out / LONG, (out / "a" / "b" / "c", out)])
    text = [LONG, f"`{LONG}`"]
    sections = [Section("Columns", [columns], text=text), Section(LONG, [wide], [Picture(picture, LONG, LONG)])]
    sections += [Section("Left out"), Section("Again", empty="Not run."), Section("Again", text=text)]
    out.mkdir()
    return Page(LONG, LONG, sections, [LONG]).write(out, "hard")


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(path, viewport=PHONE, color_scheme="dark")`; at the end no page may have complained."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def show(path: Path, viewport: dict[str, int] = DESK, color_scheme: str = "light") -> Any:
        phone = viewport is PHONE
        contexts.append(browser.new_context(viewport=viewport, color_scheme=color_scheme, is_mobile=phone))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(f"{path}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"{path}: {error}"))
        page.on("requestfailed", lambda request: complaints.append(f"{path}: {request.url[:80]} failed"))
        page.on("request", lambda request: complaints.extend(outside(request.url, path)))
        page.goto(path.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert complaints == []


def outside(url: str, path: Path) -> list[str]:
    """A complaint where a page asks for more than itself."""
    return [] if url.startswith("data:") or url == path.as_uri() else [f"{path}: asks for {url[:80]}"]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_pages_are_whole_and_readable(
    open_page: Callable[..., Any], pages: dict[str, Path], viewport: dict[str, int], color_scheme: str
) -> None:
    """Nothing is missing or sticks out sideways, text is large enough and stands out from what is behind it."""
    pictures = 0
    for path in pages.values():
        page = open_page(path, viewport, color_scheme)
        widths = page.evaluate("[...document.querySelectorAll('img[src]')].map(image => image.naturalWidth)")
        assert all(widths), path
        pictures += len(widths)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
        texts = page.evaluate(TEXTS)
        assert len(texts) > 10
        for text, size, front, back in texts:
            assert size >= 14, (path, text)
            assert contrast(front, back) >= 4.5, (path, text, front, back)
        assert (luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) < 0.1) == (
            color_scheme == "dark"
        )
    assert pictures > 10


# (beginning of the text, size in pixels, colour, background) of every element and mark with text of its own.
TEXTS = """
[...document.querySelectorAll("body *")].filter(element => element.checkVisibility()).flatMap(element => {
  const back = node => {
    const colour = getComputedStyle(node).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" ? back(node.parentElement) : colour;
  };
  const own = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data).join("");
  const mark = getComputedStyle(element, "::after");
  const found = own.trim() ? [[own.trim().slice(0, 40), getComputedStyle(element)]] : [];
  if (!["none", "normal"].includes(mark.content)) found.push([mark.content, mark]);
  return found.map(([text, style]) => [text, parseFloat(style.fontSize), style.color, back(element)]);
})
"""


def contrast(front: str, back: str) -> float:
    """The contrast ratio of WCAG 2, from 1 to 21."""
    dark, light = sorted(map(luminance, (front, back)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Of an opaque "rgb(r, g, b)", by WCAG 2: 0 is black, 1 is white."""
    assert colour.startswith("rgb("), colour
    shares = [int(value) / 255 for value in re.findall(r"\d+", colour)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def rows_of(table: Any) -> list[list[str]]:
    return table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(c => c.textContent.trim()))"
    )


def test_a_click_on_a_head_sorts(open_page: Callable[..., Any], pages: dict[str, Path]) -> None:
    """Up, down, and back to the page's own order; rows stay whole, and one column at a time says that it is sorted."""
    table = open_page(pages["hard"]).locator("table").first
    given = rows_of(table)
    for place, (numbers, rest) in enumerate(COLUMNS.values(), start=1):
        head = table.locator("th").nth(place)
        for direction, wanted in (("ascending", numbers + rest), ("descending", numbers[::-1] + rest)):
            head.locator("button").click()
            found = rows_of(table)
            assert [row[place] for row in found] == wanted
            assert sorted(found) == sorted(given)
            assert head.get_attribute("aria-sort") == direction
            assert table.locator("th[aria-sort]").count() == 1
        if place % 2:  # every second column is sorted while the one before it is
            head.locator("button").click()
            assert rows_of(table) == given
            assert table.locator("th[aria-sort]").count() == 0


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_keys_sort_a_papers_table_among_its_quoted_rows(
    open_page: Callable[..., Any], pages: dict[str, Path], key: str
) -> None:
    table = open_page(pages["dcgan_cifar10_features"], PHONE).locator("table", has_text="exemplar CNN (quoted)")
    given = rows_of(table)
    heads = table.locator("th button").all_text_contents()
    table.locator("th button").nth(heads.index("accuracy [%]")).focus()
    table.page.keyboard.press(key)
    models = [row[0] for row in rows_of(table)]
    assert models[:3] == ["ours: raw pixels", "ours: an untrained D's features", "ours: D's features"]
    assert models[3:] == [f"{name} (quoted)" for name in (
        "1 layer K-means", "view-invariant K-means", "3 layer K-means, learned receptive fields", "DCGAN + L2-SVM",
        "exemplar CNN",
    )]  # fmt: skip
    assert table.locator("tr.quoted").count() == 5
    assert sorted(rows_of(table)) == sorted(given)


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_pictures_enlarge_and_close(
    open_page: Callable[..., Any], pages: dict[str, Path], viewport: dict[str, int]
) -> None:
    """By mouse and by key, larger than in the page and no smaller than they are."""
    page = open_page(pages["gan"], viewport)
    dialog, buttons = page.locator("dialog"), page.locator("figure button").all()
    assert len(buttons) == 6
    for button in buttons:
        small = button.locator("img")
        small.click()
        assert dialog.is_visible()
        large = dialog.locator("img")
        assert large.get_attribute("alt") == small.get_attribute("alt")
        assert large.get_attribute("src") == small.get_attribute("src")
        drawn = small.evaluate("image => image.naturalWidth")
        assert large.bounding_box()["width"] >= max(small.bounding_box()["width"] * 1.05, drawn - 1)
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        page.keyboard.press("Enter")  # the picture has the focus again
        assert dialog.is_visible()
        large.click()
        assert not dialog.is_visible()


def test_wide_tables_scroll_in_their_box(open_page: Callable[..., Any], pages: dict[str, Path]) -> None:
    """The first column stays in sight, and leaves room for another."""
    page = open_page(pages["gan_mnist"], PHONE)
    boxes = page.locator(".wide").all()
    moved = [box.evaluate("box => { box.scrollLeft = 1e4; return box.scrollLeft; }") for box in boxes]
    assert max(moved) > 300
    for box in boxes:
        first, frame = box.locator("th").first.bounding_box(), box.bounding_box()
        assert first["x"] == pytest.approx(frame["x"], abs=2)
        assert first["width"] < 0.7 * frame["width"]
    assert page.evaluate("scrollX") == 0


def test_the_contents_lead_to_their_sections(open_page: Callable[..., Any], pages: dict[str, Path]) -> None:
    page = open_page(pages["hard"], PHONE)
    links = page.locator("nav a").all()
    assert [link.text_content() for link in links] == ["Columns", LONG, "Again", "Again"]
    tops = []
    for link, section in zip(links, page.locator("section").all(), strict=True):
        link.click()
        assert page.evaluate("decodeURIComponent(location.hash)") == f"#{section.get_attribute('id')}"
        tops.append(page.evaluate("scrollY"))
        page.evaluate("scrollTo(0, 0)")
    assert tops == sorted(tops)
    assert tops[0] < tops[1] < tops[2]
