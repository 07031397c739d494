"""A rollout is a chain of assignments in Git; whoever reads the tags finds its share, and the reason for its end."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from rollouts import house
from slipway.core.errors import ConfigError, RegistryError
from slipway.registry import promotion, state
from slipway.registry.eligibility import RefusedError
from slipway.rollouts import history
from slipway.rollouts.evidence import Event, Evidence, Step
from slipway.rollouts.history import Rollout

SOUND, FAULTY = "ball@v2.0.0", "ball@v3.0.0"
EVIDENCE = Evidence(
    hours=(2.0, 30.0),
    steps=(Step(5.0, 200, 3_800), Step(20.0, 200, 800)),
    errors=Event(((0.05, 1, 20),), (1, 400)),
    slow=Event((), (0, 400)),
)
HARM = replace(EVIDENCE, errors=Event(((0.05, 9, 10),), (9, 400)))


def current() -> Rollout | None:
    return history.current(state.read()["ball"])


def holders() -> dict[str, str | None]:
    variant = state.read()["ball"]
    found = {role: variant.holder(role) for role in ("canary", "production")}
    return {role: None if one is None else one.version for role, one in found.items()}


def plan(root: Path, text: str) -> None:
    (root / "rollouts").mkdir(exist_ok=True)
    (root / "rollouts" / "ball.yaml").write_text(text)


def test_from_the_first_step_to_production(root: Path) -> None:
    plan(root, "steps: [5, 20, 100]")
    history.start(SOUND, reason="it is better")
    found = current()
    assert found is not None
    assert (found.version, found.share, found.tag, found.paused) == ("v2.0.0", 5, "ball#canary#2", False)
    assert found.plan.steps == (5, 20, 100)
    assert holders() == {"canary": "v2.0.0", "production": "v1.0.0"}
    plan(root, "steps: [1, 100]")  # a rollout keeps the plan with which it started
    history.apply("ball", "step", evidence=EVIDENCE)
    second = current()
    assert second is not None
    assert (second.share, second.number, second.subject) == (20, 2, "rollouts/ball/2")
    done = history.apply("ball", "step", number=2, evidence=EVIDENCE)
    assert done.tags == ("ball#production#4", "ball#canary!#5")
    assert holders() == {"canary": None, "production": "v2.0.0"}
    watched = current()
    assert watched is not None
    assert (watched.share, watched.is_watched(time.time()), watched.is_watched(time.time() + 25 * 3600)) == (
        *(100, True),
        False,
    )


def test_units_of_a_step_stay_in_the_next(root: Path) -> None:
    history.start(SOUND)
    first = current()
    history.apply("ball", "step", evidence=EVIDENCE)
    second = current()
    assert first is not None and second is not None
    units = [f"user-{number}" for number in range(500)]
    before = {unit for unit in units if first.split(first.share).of(unit)}
    after = {unit for unit in units if second.split(second.share).of(unit)}
    assert 0 < len(before) < len(after)
    assert before < after


def test_a_version_that_was_taken_back_does_not_come_again_without_force(root: Path) -> None:
    house.git(root, "config", "user.email", "tester@example.org")
    history.start(FAULTY)
    done = history.apply("ball", "take back", number=2, reason="errors beside production", evidence=HARM)
    assert (done.tags, current()) == (("ball#canary!#3",), None)
    assert holders() == {"canary": None, "production": "v1.0.0"}
    assert history.has_ended(state.read()["ball"], 2)
    with pytest.raises(RefusedError, match="ball#canary!#3 took it back"):
        history.start(FAULTY)
    history.start(FAULTY, force=True, reason="the data base was down")
    assert current() is not None
    history.apply("ball", "abort", reason="no")
    history.start(SOUND)


def test_one_that_has_production_already_gives_it_back(root: Path) -> None:
    plan(root, "steps: [5, 100]")
    history.start(FAULTY)
    history.apply("ball", "step", evidence=EVIDENCE)
    with pytest.raises(RegistryError, match="slipway rollback ball"):
        history.apply("ball", "abort", reason="no")
    done = history.apply("ball", "take back", number=2, reason="errors", evidence=HARM)
    assert (done.version, done.role, current()) == ("v1.0.0", "production", None)
    assert holders()["production"] == "v1.0.0"
    with pytest.raises(RefusedError, match="took it back"):
        history.start(FAULTY)


def test_what_was_decided_at_one_step_is_not_done_at_the_next(root: Path) -> None:
    history.start("ball@v2.0.0")
    history.apply("ball", "step", after="ball#canary#2", evidence=EVIDENCE)
    for action in ("step", "pause"):
        with pytest.raises(RegistryError, match="somebody was quicker: ball#canary#2 is not the last tag"):
            history.apply("ball", action, after="ball#canary#2", evidence=EVIDENCE)  # type: ignore[arg-type]


def test_a_pause_keeps_the_share_and_its_time(root: Path) -> None:
    history.start(SOUND)
    began = current()
    history.apply("ball", "pause", reason="the weekend")
    paused = current()
    assert began is not None and paused is not None
    assert (paused.paused, paused.share, paused.stepped) == (True, 5, began.stepped)
    with pytest.raises(RegistryError, match="paused already"):
        history.apply("ball", "pause")
    history.apply("ball", "resume")
    with pytest.raises(RegistryError, match="not paused"):
        history.apply("ball", "resume")


@pytest.mark.parametrize(
    ("action", "evidence", "follows"), [("step", EVIDENCE, "step"), ("take back", HARM, "take back")]
)
def test_a_decision_follows_again_from_its_tag(
    root: Path, action: history.Action, evidence: Evidence, follows: str
) -> None:
    history.start(SOUND)
    done = history.apply("ball", action, evidence=evidence)
    assert history.replay(done.tags[0])[0] == action
    assert history.replay(done.tags[0])[1].action == follows


def test_a_tag_that_states_another_decision_is_found_out(root: Path) -> None:
    history.start(SOUND)
    done = history.apply("ball", "take back", evidence=EVIDENCE)
    stated, decided = history.replay(done.tags[0])
    assert (stated, decided.action) == ("take back", "step")
    with pytest.raises(RegistryError, match="no evidence"):
        history.replay("ball#canary#2")
    with pytest.raises(RegistryError, match="no such tag"):
        history.replay("ball#canary#9")


def test_what_cannot_begin(root: Path) -> None:
    with pytest.raises(RegistryError, match="already holds production"):
        history.start("ball@v1.0.0")
    with pytest.raises(RegistryError, match="no such version"):
        history.start("ball@v9.0.0")
    plan(root, "rules: {goal: {metric: clicks, better: higher}}")
    with pytest.raises(ConfigError, match=r"rollouts/ball\.yaml: rules.goal names clicks"):
        history.start(SOUND)
    plan(root, "steps: [100]")
    with pytest.raises(ConfigError, match="no share below 100"):
        history.start(SOUND)
    plan(root, "{}")
    history.start(SOUND)
    with pytest.raises(RegistryError, match="is being rolled out, at 5 %"):
        history.start(FAULTY)
    with pytest.raises(RegistryError, match="the rollout 7 of ball does not go on"):
        history.apply("ball", "step", number=7)


def test_without_a_version_in_production_there_is_nothing_to_compare_with(root: Path) -> None:
    house.git(root, "tag", "-d", "ball#production#1")
    with pytest.raises(RefusedError, match="nothing to compare with"):
        history.start(SOUND)


def test_what_the_gate_refused_is_not_rolled_out(root: Path) -> None:
    house.release(root, "v4.0.0", slope=2.0, wrong=50)
    with pytest.raises(RefusedError, match="the gate says fail"):
        history.start("ball@v4.0.0")


def test_a_promotion_by_people_ends_it(root: Path) -> None:
    history.start(SOUND)
    promotion.promote(SOUND, "production")
    assert current() is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Rollout: 2\nShare: 7 %", "no step of its plan"),
        ("Rollout: 2\nShare: 100 %", "no step of its plan"),
        ("Rollout: 2\nShare: much", "not a share"),
        ("Rollout: 9\nShare: 5 %", "no tag began the rollout 9"),
    ],
)
def test_a_tag_of_somebody_with_a_share_of_no_plan_has_no_effect(root: Path, text: str, told: str) -> None:
    history.start(SOUND)
    house.git(root, "tag", "-a", "ball#canary#3", "ball@v2.0.0^{}", "-m", "step", "-m", text)
    with pytest.raises(RegistryError, match=told):
        current()
