"""`slipway report`: the content for a reader of a pull request, and that nothing is loaded from another host."""

import json
import re
import shutil
from base64 import b64encode
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

import hostile
import released
from slipway.cli import folds, gate, report
from slipway.cli.app import app
from slipway.cli.folds import CrossValidation
from slipway.cli.report import changes
from slipway.gate.result import Result
from slipway.release.figures import Curves
from slipway.release.mistakes import MOST, mistakes
from slipway.release.page import page as html_of
from slipway.release.report import Entry
from slipway.release.report import report as page_of

GATE = {
    "rules": {"accuracy": {"min": 0.5}, "latency_p95_ms": {"max": 100}},
    "conversion": {"accuracy": {"most": 0.02}},
    "baseline": {
        "overall": {"accuracy": {"most": 0.05}, "size_bytes": {"most": 0.2, "relative": True}},
        "per_class": {"recall": {"most": 0.1}},
    },
}


VOID = ("meta", "br", "wbr", "line", "circle", "path")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variant that got worse, one that did not change, one with an unreadable record, and one never released."""
    root = tmp_path_factory.mktemp("built") / "repository"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        released.begin("worse", "same", "broken", "fresh")
        for variant in ("worse", "same", "broken"):
            released.build(variant, gate=GATE)
        released.commit("first")
        for variant in ("worse", "same", "broken"):
            released.ship(variant, "v1.0.0")
        released.build("worse", slope=3.0, offset=3.0, gate=GATE, latency=2.5, test=slice(0, 380))
        released.build("fresh", gate=GATE)
        Path("models/broken/release.json").write_text("{")
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(built, tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture(scope="module")
def pages(built: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What `slipway report` writes there: the page in Markdown and the page in HTML."""
    root = Path(shutil.copytree(built, tmp_path_factory.mktemp("pages") / "repository"))
    with chdir(root):
        assert CliRunner().invoke(app, ["report"]).exit_code == 1
    return (root / "report.md").read_text(), (root / "report.html").read_text()


def fold(page: str, variant: str) -> str:
    return page[page.index(f"<details><summary><b>{variant}</b>") :].split("</details>")[0]


def test_the_verdict_comes_first_and_every_variant_has_a_row(pages: tuple[str, str]) -> None:
    lines = pages[0].splitlines()
    assert lines[0] == "# ❌ fail"
    assert (
        "1 ❌ fail" in lines[2] and "1 ❔ not judged" in lines[2] and "1 ⏸️ hold" in lines[2] and "1 ✅ pass" in lines[2]
    )
    rows = [line for line in lines if line.startswith("| [")]
    assert [re.match(r"\| \[(\w+)\]", row)[1] for row in rows] == ["broken", "fresh", "same", "worse"]  # type: ignore[index]
    assert "accuracy: loses" in rows[3]
    assert "no version holds production yet" in rows[1]
    assert "not JSON" in rows[0]


def test_a_fold_has_all_sections(pages: tuple[str, str]) -> None:
    worse = fold(pages[0], "worse")
    for title in (
        "Rules", "Metrics", "Confusion matrix", "Examples that flipped", "Parameters that changed", "Data",
        "Latency and size",
    ):  # fmt: skip
        assert f"#### {title}\n" in worse, title
    assert "| recall of not ball: baseline, ≤ 0.1 lost | loses" in worse
    assert "| size\\_bytes: baseline, ≤ 20 % lost | loses 0, within the allowed 0.2 |" in worse
    assert "| `train.slope` | 4.0 | 3.0 |" in worse
    assert "| test | 400 | 380 |" in worse
    assert re.search(r"\| \*\*not ball\*\* \| \d+ \(\+\d+\) \| \d+ \(-\d+\) \|", worse)
    assert re.search(r"\| \*\*worse\*\* \| row0-\d+ \| not ball \| not ball \| ball \|", worse)
    assert "| model.tflite, float32 | 1 | 2.5 | 2.5 | " in worse
    assert "[Model card](models/worse/card.md)" in worse
    assert '"worse" : ' in worse


def test_a_variant_that_did_not_change_says_so(pages: tuple[str, str]) -> None:
    same = fold(pages[0], "same")
    assert "None of 400 test examples." in same
    assert "#### Parameters that changed\n\nNone." in same


def test_every_table_has_cells_for_every_column(pages: tuple[str, str]) -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", pages[0], flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_nothing_on_either_page_is_loaded_from_another_host(pages: tuple[str, str]) -> None:
    for page in pages:
        assert not re.search(r"https?://|<img|<link|@import|url\(|!\[", page)
    assert "<script" not in pages[0]


def test_the_html_page_allows_no_request_and_no_script_but_its_own(pages: tuple[str, str]) -> None:
    (script,) = re.findall("<script>(.*?)</script>", pages[1], re.DOTALL)
    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', pages[1])
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'", "img-src data:", "media-src data:", "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
    ]  # fmt: skip


def test_the_html_page_has_the_scores_of_a_variant_without_a_baseline(pages: tuple[str, str]) -> None:
    fresh = pages[1][pages[1].index('id="gate-fresh"') :].split("</details>")[0]
    assert "Precision and recall</figcaption>" in fresh and "Confusion matrix</figcaption>" in fresh
    assert "84%</text>" in fresh and ">160</text>" in fresh
    assert "<th>before</th>" not in fresh and "<th>change</th>" not in fresh
    assert "Confusion matrix" not in fold(pages[0], "fresh")


def test_the_main_score_is_the_first_that_the_task_declares(pages: tuple[str, str]) -> None:
    (fresh,) = [line for line in pages[0].splitlines() if line.startswith("| [fresh]")]
    assert "average\\_precision 0.9361" in fresh
    for page in (fold(pages[0], "worse"), pages[1][pages[1].index('id="gate-fresh"') :]):
        metrics = page[page.index("Metrics") :]
        assert metrics.index("average") < metrics.index("roc") < metrics.index("accuracy")


def test_examples_of_mistakes_are_on_the_html_page_alone(pages: tuple[str, str]) -> None:
    assert "confident mistake" in pages[1] and "flipped: worse" in pages[1]
    assert "confident mistake" not in pages[0]
    assert "Labels are not checked: run a cross-validation (slipway folds fresh)" in pages[1]


def test_what_the_page_lacks_of_an_explanation_is_said(pages: tuple[str, str]) -> None:
    lacks = "models/fresh/native is not here: run `dvc pull models/fresh/native data/prepared/fresh`, then the report"
    assert f"What each column adds to an answer is not shown: {lacks} again" in pages[1]


def test_intervals_by_class_and_group_are_from_the_draws_of_the_gate(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released.build("fresh", gate={**GATE, "least": {"groups_of_slice": 5}})
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(report, "measured", lambda scored, **how: asked.append(how))
    CliRunner().invoke(app, ["report", "fresh"])
    assert asked == [{"least": 5, "resamples": 100, "confidence": 0.95, "seed": 7}]


def test_the_content_of_the_folds_is_rendered_and_plotted(pages: tuple[str, str]) -> None:
    html = pages[1]
    assert "<!-- plot" not in html and "mermaid" not in html and "| ---" not in html
    assert html.count("<details open>") == html.count("</details>") == 4
    drawn = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    labels = [ElementTree.fromstring(svg).attrib["aria-label"] for svg in drawn]
    assert {"Confusion matrix", "Precision and recall", "ROC curve", "Latency"} <= set(labels)
    assert sum(label.endswith("bound 0.5") for label in labels) == 3


def test_the_html_is_well_nested(pages: tuple[str, str]) -> None:
    class Nesting(HTMLParser):
        open_tags: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in VOID:
                self.open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in VOID:
                assert self.open_tags.pop() == tag

    Nesting().feed(pages[1])
    assert Nesting.open_tags == []


def test_names_that_are_markup_stay_text(root: Path) -> None:
    rows = Path("data/raw/worse/rows.csv")
    rows.write_text(rows.read_text().replace("row0-0004,", "<b>|_4_,"))
    released.build("worse", offset=3.0, gate=GATE)
    CliRunner().invoke(app, ["report", "worse", "--baseline", "HEAD"])
    assert "&lt;b>\\|\\_4\\_" in Path("report.md").read_text()
    assert "<b>|" not in MarkdownIt("commonmark").render(Path("report.md").read_text())


def cross_validate(variant: str, folds: Sequence[slice]) -> CrossValidation:
    """Store predictions for the rows of each fold as an experiment on the commit, as DVC does."""
    start = released.git("rev-parse", "HEAD")
    names = {}
    for number, rows in enumerate(folds, 1):
        released.build(variant, gate=GATE, test=rows)
        made = released.commit(f"fold {number}")
        names[number] = f"fold-{number}"
        released.git("update-ref", f"refs/exps/{start[:2]}/{start[2:]}/fold-{number}", made)
        released.git("reset", "-q", "--hard", start)
    return CrossValidation({}, len(folds), names, (), ())


def test_labels_that_models_of_other_folds_doubt_are_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released.build("same", gate=GATE, test=slice(0, 40))
    released.commit("a release with a small test split")
    validation = cross_validate("same", [slice(0, 200), slice(200, 400)])
    monkeypatch.setattr(folds, "read", lambda variant: ([validation], 0))
    released.build("same", gate=GATE, test=slice(0, 40))
    CliRunner().invoke(app, ["report", "same", "--baseline", "HEAD"])
    page = Path("report.html").read_text()
    suspects = re.findall(r'data-path="row0-(\d+)"[^>]*data-why="label may be wrong"', page)
    assert 0 < len(suspects) <= MOST and max(map(int, suspects)) >= 200  # also rows that are not in the test split
    assert "Labels are not checked" not in page


def test_a_cross_validation_with_missing_folds_checks_no_labels(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released.commit("all variants")
    validation = cross_validate("same", [slice(0, 200)])
    monkeypatch.setattr(folds, "read", lambda variant: ([replace(validation, missing=(2,))], 0))
    released.build("same", gate=GATE)
    CliRunner().invoke(app, ["report", "same"])
    page = Path("report.html").read_text()
    assert "Labels are not checked, because folds are missing" in page and "label may be wrong" not in page


def test_a_variant_whose_predictions_are_lost_says_so(root: Path) -> None:
    shutil.rmtree(".dvc/cache/files")
    Path("reports/same/shipped.parquet").unlink()
    assert CliRunner().invoke(app, ["report", "same"]).exit_code == 3
    assert "Not judged: reports/same/shipped.parquet" in MarkdownIt().render(Path("report.md").read_text())


def test_curves_of_training_are_drawn_by_split_and_damaged_files_are_left_out(root: Path) -> None:
    folder = Path("reports/same/live/plots/metrics")
    for split, values in (("train", "3\n2\t1"), ("val", "2\n2\t1.5")):
        (folder / split).mkdir(parents=True)
        (folder / split / "loss.tsv").write_text(f"step\tloss\n1\t{values}\n")
    (folder / "val" / "accuracy.tsv").write_text("step\taccuracy\n1\tgood\n")
    (folder / "other.tsv").write_bytes(b"\xff\xfe")
    CliRunner().invoke(app, ["report", "same"])
    page = Path("report.html").read_text()
    assert "Loss while training</figcaption>" in page and ">tree</text>" in page and ">val</text>" in page
    assert "Accuracy while" not in page and "Other while" not in page


def entries_with(text: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """The entries of a report in which every text from users is `text`."""
    place.mkdir()
    monkeypatch.chdir(place)
    written = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", text)  # a record with these is malformed
    monkeypatch.setattr(released, "DATA", {**released.DATA, "name": written})
    released.begin("worse")
    rows = pd.read_csv("data/raw/worse/rows.csv")
    for column in ("name", "match"):
        rows[column] = written + rows[column]
    rows.to_csv("data/raw/worse/rows.csv", index=False)
    released.build("worse", gate=GATE)
    released.commit("first")
    released.ship("worse", "v1.0.0")
    released.build("worse", slope=3.0, offset=3.0, gate=GATE, latency=2.5, test=slice(0, 380))
    judged = gate.judge("worse", compare=True)
    assert judged.comparison is not None and judged.old is not None and judged.new is not None
    assert judged.record is not None
    warned = judged.record.dataset.model_copy(update={"warnings": [text]})
    record = judged.record.model_copy(update={"dataset": warned})
    changed = hostile.everywhere(replace(judged, why=text, record=record, old=None, new=None), text)
    figures = {
        "metric": text, "most": 0.05, "examples": 400, "groups": 100, "draws": 2000, "churn": 0.04,
        "equal": {"pass": 0.9, "hold": 0.09, "fail": 0.01, "when_nothing_may_be_lost": {"fail": 0.02}},
        "worse": [{"points": 5, "pass": 0.2, "hold": 0.5, "fail": 0.3, "when_nothing_may_be_lost": {"fail": 0.8}}],
    }  # fmt: skip
    params = [(text, None, text), (f"{text}.a", [text], {text: text})]
    unjudged = Result(f"{text} other", "unjudged", text)
    shown = mistakes(judged.new, "tabular_classification", Path("data/raw/worse"), judged.comparison)
    written = {"mistakes": shown, "notes": [text], "importance": {text: 1.0}}
    written |= {"curves": Curves(text, {text: pd.DataFrame({"step": [1, 2], text: [2.0, 1.0]})})}
    every = replace(changed, old=judged.old, new=judged.new)
    return [Entry(every, params, figures, text, scored=judged.new, **written), Entry(unjudged)]


def test_a_hostile_text_in_every_field_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = entries_with(hostile.TEXT, tmp_path / "hostile", monkeypatch)
    clean = entries_with(hostile.PLAIN, tmp_path / "clean", monkeypatch)
    assert hostile.structure(page_of(entries)) == hostile.structure(page_of(clean))
    assert hostile.structure(page_of(entries, longest=1000)) == hostile.structure(page_of(clean, longest=1000))
    html = html_of(entries)
    shown, plain = hostile.Page(html), hostile.Page(html_of(clean))
    assert [one for one in shown.elements if one[0] != "code"] == [one for one in plain.elements if one[0] != "code"]
    assert {one for one in shown.elements if one[0] == "code"} == {("code", ())}
    assert all(re.fullmatch(r"(#gate-|models/)[\w%./~-]*", link) for link in shown.links), shown.links
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", html)


def test_json_has_the_verdicts_and_links_to_cards_the_given_prefix(root: Path) -> None:
    done = CliRunner().invoke(app, ["report", "same", "--json", "--out", "out/pr.md", "--links", "https://host/r/"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"verdicts": {"same": "pass"}, "written": ["out/pr.md", "out/pr.html"]}
    assert "(https://host/r/models/same/card.md)" in Path("out/pr.md").read_text()


def test_the_report_quotes_only_the_simulation_of_this_test_size(root: Path) -> None:
    figures = {
        "metric": "accuracy", "most": 0.05, "examples": 400, "groups": 100, "draws": 2000, "churn": 0.04,
        "equal": {"pass": 0.9, "hold": 0.09, "fail": 0.01, "when_nothing_may_be_lost": {"fail": 0.02}},
        "worse": [{"points": 5, "pass": 0.2, "hold": 0.5, "fail": 0.3, "when_nothing_may_be_lost": {"fail": 0.8}}],
    }  # fmt: skip
    kept = Path("benchmarks/results/gate_calibration.json")
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"figures": {"variants": {"same": figures, "worse": figures}}}))
    CliRunner().invoke(app, ["report"])
    page = Path("report.md").read_text()
    assert "a model that is equally good fails 1.0%, holds 9.0% and passes 90.0% of the time" in fold(page, "same")
    assert "it would fail: 5 80.0% (the power), and an equally good model 2.0%" in fold(page, "same")
    assert "simulations" not in fold(page, "worse")


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"figures": {"variants": []}}', '{"figures": {"variants": {"same": 1}}}', json.dumps({"figures": {
        "variants": {"same": {"metric": "accuracy", "most": 0.05, "examples": 400, "groups": 100, "worse": [{}]}}
    }})],
)  # fmt: skip
def test_a_simulation_in_another_form_is_not_quoted(root: Path, content: str) -> None:
    kept = Path("benchmarks/results/gate_calibration.json")
    kept.parent.mkdir(parents=True)
    kept.write_text(content)
    assert CliRunner().invoke(app, ["report", "same"]).exit_code == 0
    assert "simulations" not in Path("report.md").read_text()


def test_parameters_of_the_baseline_that_are_not_a_mapping_are_not_compared(root: Path) -> None:
    built = Path("params/same.yaml").read_text()
    Path("params/same.yaml").write_text("[1]")
    released.git("add", "params")
    released.git("commit", "-q", "-m", "no mapping")
    released.ship("same", "v1.1.0", number=2)
    Path("params/same.yaml").write_text(built)
    assert CliRunner().invoke(app, ["report", "same"]).exit_code == 0


def test_a_page_too_long_for_a_comment_leaves_out_the_least_important_folds(
    root: Path, pages: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pages[0]
    monkeypatch.setattr(report, "LONGEST", len(whole) - 1)
    CliRunner().invoke(app, ["report"])
    page = Path("report.md").read_text()
    assert len(page) < len(whole)
    assert page.endswith("This page would be too long with the details of same: see the HTML page.\n")
    assert fold(page, "worse") == fold(whole, "worse")
    assert "<b>same</b>" in Path("report.html").read_text()


def test_changes_are_listed_by_dotted_key() -> None:
    before = {"train": {"rate": 1, "gone": 2}, "same": 3}
    assert changes(before, {"train": {"rate": 4}, "same": 3, "new": {"list": [1]}}) == [
        ("new.list", None, [1]),
        ("train.gone", 2, None),
        ("train.rate", 1, 4),
    ]
