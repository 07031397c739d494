"""The report as a reader sees it: opened in Chromium, at the widths of a telephone and of a desk."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

import guesses
import released
from browser import Page, browser
from slipway.cli import gate
from slipway.release.page import page as html

WIDTHS = (400, 1280)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a variant of each task, with pictures, sounds, boxes, keypoints and rows."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        released.shipped("one")
        entries = list(guesses.entries(gate.judge("one", compare=True), folder / "raw"))
    path = folder / "report.html"
    path.write_text(html(entries))
    return path


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as one:
        yield one


BROKEN = """[...document.querySelectorAll("th, td, dt, dd, figcaption")].flatMap((cell) => {
  const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [];
  while (walk.nextNode())
    for (const word of walk.currentNode.data.matchAll(/[A-Za-z]+/g)) {
      const range = document.createRange();
      range.setStart(walk.currentNode, word.index);
      range.setEnd(walk.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((one) => Math.round(one.top))).size > 1) broken.push(word[0]);
    }
  return broken;
})"""


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_of_a_table_is_broken(report: Path, page: Page, width: int) -> None:
    page.open(report, width)
    assert page.run("document.querySelectorAll('.scores td').length") > 100
    assert page.run(BROKEN) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_what_columns_add_is_inside_its_card(report: Path, page: Page, width: int) -> None:
    page.open(report, width)
    assert page.run("document.querySelectorAll('.explained .added svg').length") > 100
    outside = """[...document.querySelectorAll(".explained .added")].filter((one) =>
        one.getBoundingClientRect().right > one.closest(".card").getBoundingClientRect().right).length"""
    assert page.run(outside) == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_of_a_picture_is_cut_off(report: Path, page: Page, width: int) -> None:
    """Every text of a figure and of a score lies inside its picture."""
    page.open(report, width)
    cut = """[...document.querySelectorAll("figure svg text, table svg text")].filter((one) => {
        const text = one.getBoundingClientRect(), picture = one.closest("svg").getBoundingClientRect();
        return text.left < picture.left - 1 || text.right > picture.right + 1 || text.bottom > picture.bottom + 2;
    }).map((one) => one.textContent)"""
    assert page.run(cut) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_fits_its_window_and_loads_nothing(report: Path, page: Page, width: int) -> None:
    page.open(report, width)
    assert page.overflow() <= 0
    assert page.errors == [] and page.requests == []


def test_every_picture_and_sound_can_be_shown(report: Path, page: Page) -> None:
    page.open(report, WIDTHS[1])
    loaded = """Promise.all([...document.querySelectorAll("image")].map((one) => new Promise((done) => {
        const picture = new Image(); picture.onload = () => done(picture.naturalWidth > 0);
        picture.onerror = () => done(false); picture.src = one.getAttribute("href"); })))"""
    shown = page.run(loaded)
    assert len(shown) > 20 and all(shown)
    plays = """Promise.all([...document.querySelectorAll("audio")].map((one) => new Promise((done) => {
        one.addEventListener("loadedmetadata", () => done(one.duration > 1));
        one.addEventListener("error", () => done(false)); one.load(); })))"""
    sounds = page.run(plays)
    assert sounds and all(sounds)


def test_the_gallery_filters_copies_and_exports(report: Path, page: Page) -> None:
    page.open(report, WIDTHS[1])
    page.run("window.gallery = document.querySelector('[data-variant=\"wildlife-detector\"]')")
    every = page.run("gallery.querySelectorAll('.card:not([hidden])').length")
    page.run("(gallery.querySelector('[name=kind]').value = 'owl', undefined)")
    page.run("gallery.querySelector('[name=kind]').dispatchEvent(new Event('change'))")
    owls = page.run("[...gallery.querySelectorAll('.card:not([hidden])')].map((one) => one.dataset.path)")
    assert 0 < len(owls) < every and all(path.startswith("owl/") for path in owls)
    assert page.run("gallery.querySelector('output').textContent") == f"{len(owls)} of {every}"
    page.run("(navigator.clipboard.writeText = async (text) => { window.copied = text; }, undefined)")
    page.run("gallery.querySelector('.card:not([hidden]) [name=copy]').click()")
    assert page.run("copied") == owls[0]
    page.run("(URL.createObjectURL = (blob) => { window.saved = blob; return '#'; }, undefined)")
    page.run("gallery.querySelector('[name=csv]').click()")
    rows = list(csv.DictReader(io.StringIO(page.run("saved.text()"), newline="")))
    assert [row["path"] for row in rows] == owls
    assert {row["label"] for row in rows} == {"owl"} and {row["why"] for row in rows} == {"confident mistake"}


@pytest.mark.parametrize(
    ("text", "written"),
    [("=1+1", "'=1+1"), ("-3.5", "-3.5"), ("a,b", '"a,b"'), ('say "a"', '"say ""a"""'), ("@SUM(A1)", "'@SUM(A1)")],
)
def test_a_spreadsheet_runs_no_cell_of_the_export(report: Path, page: Page, text: str, written: str) -> None:
    page.open(report, WIDTHS[1])
    assert page.run(f"cell({text!r})") == written
