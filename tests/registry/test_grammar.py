"""Tags in another form than Slipway writes have no effect; doctor reports them and verify refuses them."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from registry import strange
from registry.house import git
from registry.strange import NAMES, VARIANT, Scratch
from slipway.cli import doctor
from slipway.cli.app import app
from slipway.registry import grammar, messages, promotion, registration, state, tags, transaction, verification
from slipway.registry.eligibility import RefusedError

OTHER = "demand-predictor"


@pytest.fixture(scope="module")
def built_scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return Scratch(tmp_path_factory.mktemp("scratch"))


@pytest.fixture
def scratch(built_scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> Scratch:
    monkeypatch.chdir(built_scratch.root)
    return built_scratch


def assert_odd(scratch: Scratch, name: str) -> None:
    """Check that the tag has no effect, is reported by doctor, and is refused by verify."""
    survey = tags.survey(variants=[VARIANT])
    versions, roles = strange.says(survey)
    assert versions == {"v1.0.0": scratch.commits[0], "v1.1.0": scratch.commits[1]}
    assert roles == {"v1.0.0": ("production",), "v1.1.0": ()}
    assert [one.name for one in survey.odd] == [name]
    ((wrong, remedy),) = doctor._tags()
    assert wrong.startswith(f"{name} has no effect: ") and "git tag -d" in remedy
    with pytest.raises(RefusedError, match="is refused and has no effect"):
        verification.verify(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_slipway_does_not_write_has_no_effect(scratch: Scratch, name: str):
    scratch.refs([(name, scratch.put("tag", strange.honest(name, scratch.commits[1])))])
    assert_odd(scratch, name)


@pytest.mark.parametrize("name", [f"{VARIANT}#production#9", f"{VARIANT}#production!#9", f"{VARIANT}@v9.0.0"])
def test_an_object_that_slipway_does_not_write_has_no_effect(scratch: Scratch, name: str):
    for fault, content in strange.faulty(name, scratch.commits["!" not in name]).items():
        scratch.refs([(name, scratch.put("tag", content))])
        try:
            assert_odd(scratch, name)
        except AssertionError as error:
            raise AssertionError(fault) from error


def test_a_lightweight_tag_and_that_of_a_tree_or_a_tag_have_no_effect(scratch: Scratch):
    name = f"{VARIANT}#production#9"
    nested = scratch.put("tag", strange.honest(name, scratch.commits[1]))
    tree = git(scratch.root, "rev-parse", "HEAD^{tree}")
    outer = strange.honest(name, nested).replace(b"type commit", b"type tag")
    for identity in (scratch.commits[1], tree, scratch.put("blob", b"text"), scratch.put("tag", outer)):
        scratch.refs([(name, identity)])
        assert_odd(scratch, name)


def test_of_two_versions_of_a_commit_the_first_counts(scratch: Scratch):
    name = f"{VARIANT}@v9.0.0"
    scratch.refs([(name, scratch.put("tag", strange.honest(name, scratch.commits[0], when=4_000_000_000)))])
    assert_odd(scratch, name)


def test_of_two_tags_with_one_number_the_one_that_takes_a_role_has_no_effect(scratch: Scratch):
    name = strange.PRODUCTION.replace("production", "production!")
    scratch.refs([(name, scratch.put("tag", strange.honest(name, scratch.commits[0])))])
    assert_odd(scratch, name)


def test_a_variant_that_differs_only_in_case_is_odd(scratch: Scratch):
    name = f"{VARIANT.title()}#production#9"
    scratch.refs([(name, scratch.put("tag", strange.honest(name, scratch.commits[1])))])
    assert_odd(scratch, name)


def test_unrelated_tags_are_not_reported(scratch: Scratch):
    names = ["issue#12", "package@1.2.0", "v1.0.0", "@scope/package@2.0.0", "release"]
    scratch.refs([(name, scratch.put("tag", strange.honest(name, scratch.commits[1]))) for name in names])
    assert tags.survey(variants=[VARIANT]).odd == ()


def test_numbers_decide_and_not_dates(scratch: Scratch):
    """A date in 2090 does not keep a role, and a new date on an old number does not take one."""
    tag = {number: f"{VARIANT}#production#{number}" for number in (2, 3)}
    dates = {2: 3_800_000_000, 3: 1_000_000_000}
    contents = {
        number: strange.honest(name, scratch.commits[number == 2], dates[number]) for number, name in tag.items()
    }
    scratch.refs([(tag[number], scratch.put("tag", content)) for number, content in contents.items()])
    assert strange.says(tags.survey())[1]["v1.0.0"] == ("production",)
    assert [wrong for wrong, _ in doctor._tags()] == [
        f"{strange.PRODUCTION} is not where `gto` shows it: it is dated after {tag[3]}, which has a higher number",
        f"{tag[2]} is not where `gto` shows it: it is dated 2090-06-01T11:33:20Z, ahead of the clock",
    ]
    for name in (tag[2], strange.PRODUCTION):
        with pytest.raises(RefusedError, match="it is dated"):
            verification.verify(name)


def test_a_date_ahead_of_the_clock_does_not_affect_later_tags(scratch: Scratch):
    name = f"{VARIANT}#staging#2"
    scratch.refs([(name, scratch.put("tag", strange.honest(name, scratch.commits[1], when=3_800_000_000)))])
    transaction.write(
        transaction.snapshot(VARIANT), [transaction.New(f"{VARIANT}#canary#3", scratch.commits[1], "why")]
    )
    assert tags.read()[-1].when < 3_800_000_000
    git(scratch.root, "tag", "-d", f"{VARIANT}#canary#3")


def test_the_number_of_an_odd_tag_is_taken(scratch: Scratch):
    scratch.refs([(f"{VARIANT}#production#2", scratch.commits[1])])
    assert next(transaction.snapshot(VARIANT).numbers()) == 3


def test_the_other_variants_go_on(versions: Mapping[str, str], root: Path, commits: Mapping[str, str]):
    bad = f"{VARIANT}#production#1"
    for name in ("no tagger", "a date of 14 digits", "of a tree"):
        identity = strange.put(root, "tag", strange.faulty(bad, commits["good-1"])[name])
        git(root, "update-ref", f"refs/tags/{bad}", identity)
        for command in (
            ["registry", "list", "--json"],
            ["registry", "history"],
            ["registry", "show", f"{VARIANT}@v1.0.0"],
        ):
            done = CliRunner().invoke(app, command)
            assert done.exit_code == 0, done.output
        assert all(
            not row["roles"] for row in json.loads(CliRunner().invoke(app, ["registry", "list", "--json"]).output)
        )
    registration.register(OTHER, revision=commits["good-1"])
    promotion.promote(f"{OTHER}@v1.0.0", "production")
    assert promotion.promote(f"{VARIANT}@v1.0.0", "production").tags == (f"{VARIANT}#production#2",)
    assert state.read()[OTHER].holder("production") is not None


@settings(max_examples=100)
@given(strange.texts(), st.data())
def test_every_name_and_content_of_a_tag_is_parsed_or_rejected(name: str, data: st.DataObject):
    content = data.draw(strange.contents(name, "a" * 40))
    found = grammar.understand(name, "b" * 40, "tag", content)
    grammar.resembles(name, [VARIANT])
    assert isinstance(found, str) or (strange.written(found) == name and found.time)
    assert isinstance(found, str) or isinstance(messages.overruled(found), str)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_repository_with_any_tags_is_read(scratch: Scratch, data: st.DataObject):
    """benchmarks/fuzz_tags.py runs 10,000 of them."""
    names = data.draw(st.lists(strange.texts(), max_size=4))
    kinds = st.sampled_from(["tag", "tag", "blob"])
    strange.check(
        scratch, [(name, data.draw(strange.contents(name, scratch.commits[1])), data.draw(kinds)) for name in names]
    )


@given(
    st.one_of(
        st.from_regex(
            r"[a-z][a-z0-9-]{0,6}(@v[0-9]{1,2}\.[0-9]\.[0-9](-rc\.1)?|#(production|canary|x))!?(#[0-9]{1,3})?",
            fullmatch=True,
        ),
        st.from_regex(r"[a-zA-Z0-9/_-]{0,8}@(deprecated|v[0-9.]{1,7})(#[0-9]+)?", fullmatch=True),
        st.text("ab/#@!v.0123456789-_", max_size=14),
    )
)
def test_names_are_parsed_as_gto_parses_them(name: str):
    from gto.constants import Action
    from gto.tag import parse_name

    ours = grammar.parse(name)
    if ours is None:
        return
    theirs = parse_name(name)
    variant, action, version, role, counter = ours
    assert (variant, version, role) == (theirs["name"], theirs.get("version"), theirs.get("stage"))
    assert Action(action) == theirs["action"]
    assert counter == theirs.get("counter", 0)
