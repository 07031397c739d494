import copy
import json
import re

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import hostile
from conftest import ROOT
from slipway import tasks
from slipway.core.config import Register
from slipway.core.errors import ConfigError
from slipway.metrics.classification import METRICS
from slipway.records.release import Record
from slipway.release import card as cards

LINEAGE = dict.fromkeys(("raw", "prepared", "params"), "0123456789abcdef" * 4)


TASKS = {
    task.objective: task
    for task in (
        tasks.load("image_classification", {"height": 96, "width": 96}),
        tasks.load("tabular_classification", {"target": "kind", "positive": "1", "name": "ball", "numeric": ["x"]}),
        tasks.load("row_regression", {"target": "visitors", "numeric": ["hour"], "categorical": ["event"]}),
    )
}
HUB_TASKS = {
    "audio-classification",
    "image-classification",
    "keypoint-detection",
    "object-detection",
    "tabular-classification",
    "tabular-regression",
}
"""The tasks of the Hugging Face hub (PIPELINE_DATA of huggingface.js) that tasks of slipway are named after."""


def card(values: dict, **register: object) -> str:
    record = Record.model_validate_json(json.dumps(values))
    outputs = np.full((2, len(record.spec["outputs"])), 0.375, np.float32)
    shape = record.spec["input"]["shape"]
    inputs = np.ones((2, *shape), np.uint8 if len(shape) == 3 else np.float32)
    settings = Register(name="model", description="A model.", **register)
    return cards.card(record, TASKS[record.spec["objective"]], (inputs, outputs), settings)


def metadata(card: str) -> dict:
    """The metadata at the head of a card, parsed as the hub parses it."""
    block = re.match(r"---\n([\s\S]*?)\n---\n\n# ", card)
    assert block is not None
    return yaml.safe_load(block[1])


def rule(metric: str, verdict: str, value: float | None, **more: object) -> dict:
    return {
        "kind": "bound", "of": None, "metric": metric, "min": None, "max": None, "value": value, "low": None,
        "high": None,
        "verdict": verdict, "reason": f"{metric} was measured",
    } | more  # fmt: skip


@pytest.fixture
def pictures() -> dict:
    return {
        "schema": 3,
        "variant": "base-ad-detector",
        "task": "image_classification",
        "framework": "keras",
        "profile": "demo",
        "description": "Tells advertisements from programmes in single frames of live television.",
        "license": "apache-2.0",
        "data": {"height": 96, "width": 96},
        "spec": {
            "objective": "multiclass",
            "input": {"shape": [96, 96, 3], "dtype": "uint8"},
            "outputs": ["ad", "content"],
        },
        "dataset": {
            "train": {"total": 1400, "classes": {"ad": 690, "content": 710}},
            "val": {"total": 300, "classes": {"ad": 150, "content": 150}},
            "test": {"total": 300, "classes": {"ad": 25, "content": 275}},
            "calibration": {"total": 200, "classes": {"ad": 100, "content": 100}},
            "quarantined": 2,
            "warnings": ["test: ad is 8.3% of the examples, outside 40% to 60%"],
        },
        "precision": "int8",
        "metrics": {
            "accuracy": {"value": 0.95, "low": 0.9213, "high": 0.97},
            "ece": {"value": 0.0123, "low": 0.008, "high": 0.0301},
            "f1": {"value": 0.94, "low": 0.84, "high": 0.96},
            "roc_auc": {"value": None, "low": None, "high": None},
        },
        "examples": 300,
        "groups": 14,
        "parity": {
            "agreement": 0.99667,
            "max_difference": 0.031,
            "mean_difference": 0.0012,
            "native_minus_shipped": {"accuracy": 0.0, "f1": -0.0004},
        },
        "delegation": {"partitions": 1, "outside": {"QUANTIZE": 1}},
        "gate": {
            "verdict": "hold",
            "rules": [
                rule("accuracy", "pass", 0.95, min=0.9, low=0.9213, high=0.97),
                rule("f1", "hold", 0.94, min=0.85, low=0.84, high=0.96),
                rule("size_bytes", "pass", 4_012_345, max=5_000_000),
            ],
        },
        "artifacts": {
            "float.tflite": {"sha256": "b" * 64, "bytes": 13_400_000},
            "model.tflite": {"sha256": "a" * 64, "bytes": 4_012_345},
        },
        "lineage": LINEAGE,
    }  # fmt: skip


@pytest.fixture
def table() -> dict:
    return described_table()


def described_table() -> dict:
    return {
        "schema": 3,
        "variant": "demand-predictor",
        "task": "row_regression",
        "framework": "catboost",
        "profile": "full",
        "description": "Predicts the visitors of a place by the hour, a day ahead.",
        "data": {"target": "visitors"},
        "spec": {
            "objective": "regression",
            "input": {
                "shape": [4],
                "dtype": "float32",
                "names": ["hour", "event: mean", "event: common", "event = a|b"],
            },
            "outputs": ["visitors"],
            "categories": {
                "event": {"names": ["match", "a|b"], "positive": [0.5, 1.0], "common": [0.5, 1.0], "own": ["a|b"]}
            },
            "gaps": {"missing": ["hour"], "unseen": []},
            "spread": {"relative": False, "low": -1.0, "high": 1.0},
        },
        "dataset": {"train": {"total": 20000}, "val": {"total": 672}, "test": {"total": 672}, "warnings": []},
        "precision": "float32",
        "metrics": {
            "mae": {"value": 77.08, "low": 70.0, "high": 81.94},
            "mape": {"value": 0.2, "low": 0.1, "high": 0.3},
        },
        "examples": 672,
        "groups": 24,
        "parity": {"agreement": 1.0, "max_difference": 3e-6, "mean_difference": 1.5e-7, "native_minus_shipped": {}},
        "gate": {"verdict": "pass", "rules": [rule("mae", "pass", 77.08, max=100.0, low=70.0, high=81.94)]},
        "artifacts": {"model.tflite": {"sha256": "c" * 64, "bytes": 912}},
        "lineage": LINEAGE,
    }  # fmt: skip


def tables(markdown: str) -> list[list[list[str]]]:
    """The cells of every table, as a Markdown parser sees them."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt().enable("table").parse(markdown):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level >= 4:
            found[-1][-1].append("".join(part.content for part in token.children or []))
    return found


def test_a_card_of_pictures_has_the_facts_the_scores_and_the_data(pictures: dict):
    text = card(pictures)
    assert text.partition("\n---\n\n")[2].startswith("# base-ad-detector\n\nTells advertisements from programmes")
    assert "The verdict of the gate is **hold**: the data cannot tell" in text
    assert "The model itself takes an array `uint8 [96, 96, 3]` for each example." in text
    assert "the probabilities of 2 classes, in this order: ad, content." in text
    facts, metrics, gate, parity, data, lineage, files = tables(text)
    assert ["runs as", "TFLite in int8, 3.8 MiB"] in facts
    assert metrics == [
        ["metric", "meaning", "unit", "better", "value", "95 % interval"],
        [
            "accuracy",
            "share of examples that are classified correctly",
            "share",
            "higher",
            "0.9500",
            "0.9213 to 0.9700",
        ],
        ["f1", METRICS["f1"].meaning, "share", "higher", "0.9400", "0.8400 to 0.9600"],
        ["ece", METRICS["ece"].meaning, "share", "lower", "0.0123", "0.0080 to 0.0301"],
        ["roc_auc", METRICS["roc_auc"].meaning, "share", "higher", "n/a", "n/a"],
    ]
    assert gate[1:] == [
        ["accuracy", "≥ 0.9", "0.9500 (0.9213 to 0.9700)", "pass"],
        ["f1", "≥ 0.85", "0.9400 (0.8400 to 0.9600)", "hold"],
        ["size_bytes", "≤ 5,000,000", "4,012,345", "pass"],
    ]
    assert ["f1, native minus shipped", "-0.0004"] in parity
    assert "runs the model in 1 partition. LiteRT's own kernels run: 1 QUANTIZE." in text
    assert data[1:] == [
        ["all", "1,400", "300", "300", "200"],
        ["ad", "690 (49.3 %)", "150 (50.0 %)", "25 (8.3 %)", "100 (50.0 %)"],
        ["content", "710 (50.7 %)", "150 (50.0 %)", "275 (91.7 %)", "100 (50.0 %)"],
    ]
    assert [row[0] for row in lineage[1:]] == ["raw", "prepared", "params"]
    assert files[2] == ["model.tflite", "3.8 MiB", "a" * 64]


def test_a_card_names_the_limitations_of_the_model(pictures: dict):
    limits = card(pictures).partition("## Limitations")[2].partition("##")[0]
    assert "Only 14 groups were tested" in limits
    assert "Fewer than 30 test examples show ad:" in limits
    assert "profile `demo`" in limits
    assert "simulated" not in limits
    pictures["dataset"]["simulated"] = True
    assert "**The data is simulated**" in card(pictures)


def test_a_card_of_a_table_names_its_target_and_features(table: dict):
    text = card(table)
    assert "Output: visitors, in the unit of the raw data, with" in text
    assert "<summary>The 4 features that are computed from it, in order</summary>\n\n`hour`, `event: mean`," in text
    assert "`event = a`\\|`b`" in text
    assert "agree on 100.0 % of the test examples" in text
    assert "TFLite in float32, 912 bytes" in text
    assert "Only" not in text and "profile `" not in text


def test_agreement_that_is_not_full_is_not_rounded_to_full(table: dict):
    table["parity"]["agreement"] = 0.99999
    assert "agree on 99.999 % of" in card(table)


def test_the_reason_of_every_rule_that_did_not_pass_is_shown(pictures: dict):
    text = card(pictures)
    assert "- hold: f1 was measured" in text and "accuracy was measured" not in text


@pytest.mark.parametrize("name", ["a|b", "<script>", "*bold*", "[x](y)", "two\nlines", "`code`", "_under_", "a&lt;b"])
def test_names_of_any_kind_stay_text(pictures: dict, name: str):
    text = json.dumps(pictures).replace('"ad"', json.dumps(name))
    rows = tables(card(json.loads(text)))[4]
    assert [len(row) for row in rows] == [5, 5, 5, 5]
    assert rows[2][0] == " ".join(name.split())


@pytest.mark.parametrize("kind", ["pictures", "table"])
def test_a_hostile_text_in_every_field_stays_text(kind: str, request: pytest.FixtureRequest):
    record = request.getfixturevalue(kind)
    shown, plain = (
        card(hostile.everywhere({**record, "variant": f"a {text}"}, text)) for text in (hostile.TEXT, hostile.PLAIN)
    )
    assert hostile.structure(shown) == hostile.structure(plain)
    code = shown.partition("```python\n")[2].partition("\n```")[0]
    compile(code, "card", "exec")


def test_a_card_of_a_table_has_its_columns_and_a_row_that_gives_a_golden_input(table: dict):
    text = card(table)
    assert tables(text)[1] == [
        ["column", "type", "may be missing", "values"],
        ["hour", "number", "yes", ""],
        ["event", "category", "no", "a|b, match"],
    ]
    assert 'example = {\n    "hour": 1,\n    "event": "a|b",\n}\nprint(predictor.predict(example))\n' in text
    assert "the prediction is `{'visitors': 0.375, 'interval': [-0.625, 1.375]}`." in text
    assert "```sh\nslipway predict demand-predictor rows.csv\n```" in text


def test_units_are_shown_of_columns_and_outputs_that_there_are(table: dict):
    text = card(table, units={"hour": "h", "visitors": "persons"})
    assert ["hour", "number", "h", "yes", ""] in tables(text)[1]
    assert "- Unit of visitors: persons.\n" in text
    with pytest.raises(ConfigError, match=r"register\.units: the model has no rain; it has hour, event, visitors"):
        card(table, units={"rain": "mm"})


def test_a_card_can_show_nothing_of_the_data(table: dict):
    text = card(table, example=False)
    assert 'example = {\n    "hour": 0,\n    "event": "a|b",\n}' in text
    assert "The values of the row are made up." in text and "test split the prediction" not in text
    assert "0.375" not in text


def test_categories_that_are_too_many_are_counted_and_others_are_said_to_be_allowed(table: dict):
    names = [f"event {number:03}" for number in range(33)]
    table["spec"]["categories"]["event"] = {"names": names, "positive": [0.5] * 33, "common": [0.5] * 33, "own": []}
    table["spec"]["gaps"]["unseen"] = ["event"]
    (shown,) = (row[3] for row in tables(card(table))[1] if row[0] == "event")
    assert shown.startswith("event 000, ") and shown.endswith("event 029, 3 more, or any other")


def test_a_long_prediction_is_cut_off(table: dict):
    table["spec"] |= {"objective": "multiclass", "outputs": [f"class {number}" for number in range(99)]}
    table["spec"]["input"] = {"shape": [8, 8, 3], "dtype": "uint8"}
    assert re.search(r"the prediction is `\{'class 0': 0.375, [^`]{370,400} \.\.\.`", card(table))


def test_the_code_on_a_card_is_python_and_names_the_folder(pictures: dict):
    code = card(pictures).partition("```python\n")[2].partition("```")[0]
    compile(code, "card", "exec")
    assert 'folder = "models/base-ad-detector"\npredictor = Predictor.load(folder)\n' in code


def test_examples_and_groups_are_counted_in_whole_numbers(pictures: dict):
    pictures["gate"]["rules"] = [rule("examples", "pass", 1138.0, min=30.0), rule("groups", "pass", 23.0, min=8.0)]
    assert "| examples | ≥ 30 | 1,138 |" in card(pictures) and "| groups | ≥ 8 | 23 |" in card(pictures)


def test_a_metric_that_was_not_measured_is_shown_as_such(pictures: dict):
    pictures["gate"]["rules"].append(rule("recall", "fail", None, min=0.5))
    assert ["recall", "≥ 0.5", "n/a", "fail"] in tables(card(pictures))[2]


def test_the_card_is_a_function_of_the_record(pictures: dict):
    before = copy.deepcopy(pictures)
    shuffled = json.loads(json.dumps(pictures, sort_keys=True))
    assert card(pictures) == card(shuffled)
    assert pictures == before
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", card(pictures))


@given(value=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), size=st.integers(0, 2**40))
def test_any_figure_can_be_shown(value: float | None, size: int):
    record = described_table()
    record["metrics"] = {"m": {"value": value}}
    record["artifacts"]["model.tflite"]["bytes"] = size
    assert card(record).endswith("\n")


def test_a_threshold_of_two_classes_is_shown(table: dict) -> None:
    table["spec"] |= {"objective": "binary", "outputs": ["hand_ball"], "threshold": 0.28727}
    assert "- Output: the probability of hand\\_ball.\n- Decision: positive from 0.2873 on" in card(table)


def test_the_head_of_a_card_is_the_metadata_of_the_hub(pictures: dict):
    assert metadata(card(pictures)) == {
        "library_name": "litert",
        "license": "apache-2.0",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "tflite", "int8", "slipway"],
        "metrics": ["accuracy", "ece", "f1", "roc_auc"],
        "model-index": [
            {
                "name": "base-ad-detector",
                "results": [
                    {
                        "task": {"type": "image-classification", "name": "Image classification"},
                        "dataset": {
                            "type": "base-ad-detector", "name": "base-ad-detector, test split", "split": "test",
                        },
                        "metrics": [
                            {"type": "accuracy", "name": "accuracy", "value": 0.95},
                            {"type": "ece", "name": "ece", "value": 0.0123},
                            {"type": "f1", "name": "f1", "value": 0.94},
                        ],
                    }
                ],
            }
        ],
    }  # fmt: skip
    pictures["dataset"]["simulated"] = True
    assert "simulated-data" in metadata(card(pictures))["tags"]


def test_every_task_is_one_that_the_hub_knows():
    rows: dict[str, object] = {"target": "y", "numeric": ["x"]}
    data = {
        "tabular_multiclass": rows,
        "row_regression": rows,
        "image_multilabel": {"height": 8, "width": 8},
        "audio_multilabel": {},
    }
    loaded = {name: tasks.load(name, of) for name, of in data.items()}
    other = {name.replace("_", "-"): task.words({"outputs": ["a", "b"]}).hub for name, task in loaded.items()}
    names = {path.parent.name.replace("_", "-") for path in ROOT.glob("src/slipway/tasks/*/__init__.py")}
    assert {other.get(name, name) for name in names} == HUB_TASKS


def test_a_licence_that_is_not_stated_is_shown_as_such_and_left_out_of_the_metadata(pictures: dict):
    assert ["licence", "apache-2.0"] in tables(card(pictures))[0]
    pictures["license"] = None
    assert ["licence", "not stated"] in tables(card(pictures))[0]
    assert "license" not in metadata(card(pictures))


def test_a_model_without_any_score_has_no_results(table: dict):
    table["metrics"] = {"mae": {"value": None}}
    assert "model-index" not in metadata(card(table))


@pytest.mark.parametrize("text", ["x\n---\n# y", "a: b", "{a: b}", "- a", "&a", "*a", "!!python/name:os.system", "# a"])
def test_the_head_of_a_card_has_plain_names_and_nothing_else(pictures: dict, text: str):
    plain = metadata(card(pictures))
    pictures |= {
        "variant": text,
        "precision": text,
        "license": text,
        "metrics": {**pictures["metrics"], text: {"value": 1}},
    }
    found = metadata(card(pictures))
    assert found == {key: plain[key] for key in ("library_name", "pipeline_tag", "metrics")} | {
        "tags": ["image-classification", "tflite", "slipway"]
    }


@pytest.mark.parametrize("name", ["no", "null", "1.5", "2024-01-01", "0x1F", "1_000", "12e03", "y"])
def test_a_name_that_yaml_would_read_as_a_value_stays_a_name(pictures: dict, name: str):
    pictures |= {"variant": name, "precision": name, "license": name, "metrics": {name: {"value": 1.0}}}
    found = metadata(card(pictures))
    (model,) = found["model-index"]
    assert (model["name"], found["license"], found["tags"][2], found["metrics"]) == (name, name, name, [name])
    assert model["results"][0]["metrics"] == [{"type": name, "name": name, "value": 1.0}]
