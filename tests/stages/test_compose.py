"""Compose: what conf/ resolves to, and the message for each mistake in it."""

import shutil
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from slipway.core import config
from slipway.core.errors import ConfigError
from slipway.stages.compose import compose

VARIANT = "base-ad-detector"
FILE = Path(f"conf/variant/{VARIANT}.yaml")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files that compose reads and writes; it is the working folder of the test."""
    for name in ("conf", "params"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} no longer has {old!r}"
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("variant", yaml.safe_load(Path("params.yaml").read_text())["all"])
@pytest.mark.parametrize("profile", ["smoke", "demo", "full"])
def test_every_variant_resolves_in_every_profile(repository: Path, variant: str, profile: str) -> None:
    edit(Path("params.yaml"), "profile: demo", f"profile: {profile}")
    compose(variant)
    assert config.read(variant)["profile"] == profile


def become(variant: str, text: str) -> None:
    """Replace the file of a variant by one for the user's own data."""
    Path(f"conf/variant/{variant}.yaml").write_text(text)
    edit(
        Path("params.yaml"),
        f"  {variant}: {yaml.safe_load(Path('params.yaml').read_text())['simulated'][variant]}\n",
        "",
    )


@pytest.mark.parametrize(
    ("own", "variant"),
    [
        ("balls", "handball-ball"),
        ("fouls", "handball-context"),
        ("melbourne-demand", "demand-predictor"),
        ("pitch-objects", VARIANT),
        ("sounds", "wildlife-detector"),
    ],
)
def test_every_variant_of_the_benchmarks_resolves(repository: Path, own: str, variant: str) -> None:
    become(variant, (ROOT / "benchmarks" / "variants" / f"{own}.yaml").read_text())
    compose(variant)


NEW = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "conf/new").glob("*.yaml")}


@pytest.mark.parametrize("profile", ["smoke", "demo", "full"])
@pytest.mark.parametrize(
    ("task", "group", "option"),
    [
        ("object_detection", "train", "small_objects"),
        *(
            (task, "model", model)
            for task, recipe in sorted(NEW.items())
            if recipe["framework"] == "keras"
            for model in sorted({recipe["groups"]["model"], *(one["model"] for one in recipe.get("fewer", []))})
        ),
    ],
)
def test_a_new_network_is_trained_for_a_chosen_length_and_the_best_epoch_is_kept(
    repository: Path, task: str, group: str, option: str, profile: str
) -> None:
    groups = NEW[task]["groups"] | {group: option}
    chosen = "".join(f"  - override /{group}: {option}\n" for group, option in groups.items())
    text = f"# @package _global_\ndefaults:\n{chosen}register: {{name: mine, description: Mine.}}\n"
    text += "data: {classes: [a, b]}\n" if task == "object_detection" else ""
    text += "gate: {rules: {accuracy: {min: 0.5}}}\n" if task.endswith("_classification") else ""
    text += "gate: {rules: {mean_average_precision: {min: 0.5}}}\n" if task.endswith("_multilabel") else ""
    become(VARIANT, text)
    edit(Path("params.yaml"), f"{VARIANT}: {{task: image_classification", f"{VARIANT}: {{task: {task}")
    edit(Path("params.yaml"), "profile: demo", f"profile: {profile}")
    compose(VARIANT)
    train = config.read(VARIANT)["train"]
    assert train["early_stopping"] == {"monitor": "val/loss", "patience": None}
    if profile == "smoke":
        assert train["epochs"] <= 2
    else:
        assert train["epochs"] == "auto"
        assert train["length"]["least"] < train["length"]["steps"] < train["length"]["most"]


def test_the_number_of_epochs_of_a_new_variant_can_be_set(repository: Path) -> None:
    groups = NEW["image_classification"]["groups"]
    chosen = "".join(f"  - override /{group}: {option}\n" for group, option in groups.items())
    text = f"# @package _global_\ndefaults:\n{chosen}register: {{name: mine, description: Mine.}}\n"
    become(VARIANT, f"{text}gate: {{rules: {{accuracy: {{min: 0.5}}}}}}\ntrain: {{epochs: 30}}\n")
    compose(VARIANT)
    assert config.read(VARIANT)["train"]["epochs"] == 30


def test_the_committed_parameters_are_what_conf_resolves_to(repository: Path) -> None:
    for variant in yaml.safe_load(Path("params.yaml").read_text())["all"]:
        before = Path(f"params/{variant}.yaml").read_bytes()
        compose(variant)
        assert Path(f"params/{variant}.yaml").read_bytes() == before


def test_a_profile_changes_what_depends_on_it(repository: Path) -> None:
    edit(Path("params.yaml"), "profile: demo", "profile: full")
    compose(VARIANT)
    values = config.read(VARIANT)
    assert values["data"]["height"] == 224
    assert values["gate"]["rules"]["accuracy"]["min"] == 0.90


def test_trees_ship_as_float32(repository: Path) -> None:
    file = Path("conf/variant/demand-predictor.yaml")
    file.write_text(f"{file.read_text()}convert:\n  precision: int8\n")
    line = len(file.read_text().splitlines())
    with pytest.raises(
        ConfigError, match=f"convert.precision: Input should be 'float32', not 'int8', in {file}:{line}"
    ):
        compose("demand-predictor")


def test_a_variant_with_the_users_own_data_has_no_simulation(repository: Path) -> None:
    edit(Path("params.yaml"), f"  {VARIANT}: tv\n", "")
    compose(VARIANT)
    assert config.read(VARIANT)["simulate"] is None


def test_simulated_data_has_the_licence_of_this_repository_and_own_data_has_none(repository: Path) -> None:
    def licences() -> tuple[str | None, str | None]:
        compose(VARIANT)
        register = config.read(VARIANT)["register"]
        return register["license"], register["data_license"]

    assert licences() == ("apache-2.0", "apache-2.0")
    edit(Path("params.yaml"), f"  {VARIANT}: tv\n", "")
    assert licences() == (None, None)
    FILE.write_text(f"{FILE.read_text()}  license: mit\n")
    assert licences() == ("mit", None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "register:",
            "register:\n  license: MIT",
            "Hugging Face hub, in lower case, such as apache-2.0, not 'MIT', in conf/",
        ),
        (
            "least: 5000",
            "leest: 5000",
            "checks.recommended.leest: unknown key (value 5000) in conf/variant/base-ad-det",
        ),
        ("least: 5000", "least: many", "checks.recommended.least: Input should be a valid integer"),
        (
            "\nconvert:",
            "\ndata: {classes: [yes, ad]}\nconvert:",
            "data.classes.0: Input should be a valid string, not True, in conf/variant/base-ad-detector.yaml:",
        ),
        ("\nconvert:", "\ndata: {classes: [ad, 01]}\nconvert:", "not 1, in conf/"),
        ("\nconvert:", "\ndata: {classes: [ad, no]}\nconvert:", "(yes, no, on, null, 01) needs quotation marks"),
        ("precision: int8", "precision: int4", "not 'int4', in conf/variant/base-ad-detector.yaml:"),
        ("\nchecks:", "\nchekcs:", "chekcs: unknown section"),
        ("/data: frames", "/data: framez", "conf/data/framez.yaml: no such file; it has"),
        ("/simulate: tv", "/simulation: tv", "Could not override 'simulation'"),
        ("\nconvert:", "\nconvert: {", "conf/variant/base-ad-detector.yaml"),
        (
            "\nconvert:",
            "\ngate: {rules: {mae: {max: 1}}}\nconvert:",
            "gate.rules.mae: no such metric in conf/variant/base-ad-detector.yaml:",
        ),
        (
            "\nconvert:",
            "\ngate: {baseline: {per_class: {recall: {most: 0.1, classes: [cat]}}}}\nconvert:",
            "gate.baseline.per_class.recall.classes: no such class as 'cat' in conf/variant/base-ad-detector.yaml:",
        ),
        (
            "\nconvert:",
            "\ngate: {baseline: {per_group: {period: {accuracy: {most: 0.1}}}}}\nconvert:",
            "gate.baseline.per_group.period: no such kind of group in conf/variant/base-ad-detector.yaml:",
        ),
        (
            "\nconvert:",
            "\ngate: {conversion: {mae: {most: 0.1}}}\nconvert:",
            "gate.conversion.mae: no such metric in conf/variant/base-ad-detector.yaml:",
        ),
        (
            "\ntrain:\n",
            "\ntrain:\n  epochs: 1\n",
            "train.warmup_epochs: Value error, must be less than train.epochs, 1: the learning rate would only rise, "
            "not 1.0, in conf/train/keras.yaml:6",
        ),
        (
            "\ntrain:\n",
            "\ntrain:\n  warmup_epochs: 10\n",
            "not 10, in conf/variant/base-ad-detector.yaml:",
        ),
        ("\nconvert:", "\nsplit: {train: 0.8}\nconvert:", "split: Value error, train + val + test must be 1, not 1.1"),
    ],
)
def test_a_mistake_is_one_line_with_variant_key_value_and_file(
    repository: Path, old: str, new: str, message: str
) -> None:
    edit(FILE, old, new)
    with pytest.raises(ConfigError) as caught:
        compose(VARIANT)
    error = str(caught.value)
    assert error.startswith(f"{VARIANT}: ")
    assert message in error
    assert "\n" not in error
    assert str(repository) not in error


def test_a_mapping_of_a_group_can_be_emptied_in_the_variants_file(repository: Path) -> None:
    path = Path("conf/variant/base-ad-detector.yaml")
    compose("base-ad-detector")
    before = config.read("base-ad-detector")["gate"]
    assert before["rules"] and before["conversion"]
    path.write_text(path.read_text() + "\ngate:\n  conversion: {}\n")
    compose("base-ad-detector")
    after = config.read("base-ad-detector")["gate"]
    assert after == before | {"conversion": {}}


def test_all_mistakes_are_reported_at_once(repository: Path) -> None:
    edit(FILE, "least: 5000", "least: many")
    edit(FILE, "precision: int8", "precision: int4")
    with pytest.raises(ConfigError) as caught:
        compose(VARIANT)
    assert len(str(caught.value).splitlines()) == 2


def test_the_message_for_an_unknown_variant_lists_the_known_ones(repository: Path) -> None:
    with pytest.raises(ConfigError, match=r"nope: no such variant in params.yaml; it has base-ad-detector"):
        compose("nope")


@pytest.mark.parametrize(("key", "value"), [("task", "image_clasification"), ("framework", "torch")])
def test_the_message_for_an_unknown_task_or_framework_lists_the_known_ones(
    repository: Path, key: str, value: str
) -> None:
    top = yaml.safe_load(Path("params.yaml").read_text())
    top["all"][VARIANT][key] = value
    Path("params.yaml").write_text(yaml.safe_dump(top))
    with pytest.raises(ConfigError, match=f"{VARIANT}.{key}: '{value}' is not one of"):
        compose(VARIANT)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("profile: 3", "profile in params.yaml must be a name in conf/profile, not 3"),
        ("seed: -1", "seed in params.yaml must be a whole number from 0 to"),
        ("seed: true", "seed in params.yaml must be a whole number from 0 to"),
    ],
)
def test_a_profile_or_seed_of_another_kind_is_refused(repository: Path, line: str, wrong: str) -> None:
    key = line.partition(":")[0]
    kept = [one for one in Path("params.yaml").read_text().splitlines() if not one.startswith(f"{key}:")]
    Path("params.yaml").write_text("\n".join([*kept, line]))
    with pytest.raises(ConfigError, match=f"{VARIANT}: {wrong}"):
        compose(VARIANT)


def test_the_message_for_a_task_without_support_in_the_framework_lists_the_supported_ones(repository: Path) -> None:
    edit(
        Path("params.yaml"),
        "base-ad-detector: {task: image_classification",
        "base-ad-detector: {task: tabular_regression",
    )
    with pytest.raises(
        ConfigError, match=r"in framework keras: 'tabular_regression' is not one of .*image_classification"
    ):
        compose(VARIANT)


def test_a_transfer_says_where_it_starts(repository: Path) -> None:
    compose("sports-ad-detector")
    assert config.read("sports-ad-detector")["from"] == VARIANT
    compose(VARIANT)
    assert config.read(VARIANT)["from"] is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            ", from: base-ad-detector}",
            "}",
            "transfers.sports-ad-detector in params.yaml needs {framework: ..., from: ...",
        ),
        ("from: base-ad-detector", "from: best-ad-detector", "from in params.yaml: no variant 'best-ad-detector'"),
        (
            "from: base-ad-detector",
            "from: base-ad-detector, layers: 3",
            "sports-ad-detector.layers in params.yaml: unknown",
        ),
    ],
)
def test_an_invalid_transfer_is_refused(repository: Path, old: str, new: str, message: str) -> None:
    edit(Path("params.yaml"), old, new)
    with pytest.raises(ConfigError) as caught:
        compose("sports-ad-detector")
    assert message in str(caught.value)


def test_the_message_for_a_variant_without_a_file_names_the_file(repository: Path) -> None:
    edit(
        Path("params.yaml"),
        "variants: &variants\n",
        "variants: &variants\n  mine: {task: image_classification, framework: keras}\n",
    )
    with pytest.raises(ConfigError, match=r"conf/variant/mine.yaml: no such file; it has base-ad-detector"):
        compose("mine")


def test_a_file_edited_by_hand_is_refused_and_kept(repository: Path) -> None:
    compose(VARIANT)
    path = Path(f"params/{VARIANT}.yaml")
    edit(path, "precision: int8", "precision: float32")
    with pytest.raises(ConfigError, match=r"edited by hand: convert.precision: 'float32' \(set in conf/variant/base"):
        compose(VARIANT)
    assert "precision: float32" in path.read_text()


def test_composing_again_after_a_change_of_conf_replaces_the_file(repository: Path) -> None:
    compose(VARIANT)
    edit(FILE, "precision: int8", "precision: float32")
    compose(VARIANT)
    assert config.read(VARIANT)["convert"]["precision"] == "float32"
