"""Simulated fouls in football matches, each with the three events before it; a few are hand balls.

Output: `fouls.csv.gz` with a row for each foul, in the columns of the Wyscout match events: the place of the foul (x
from the own goal line to the opponent's, y across, both 0 to 100), the kind of foul (`label`), and for each event
before it the kind, whether the same team had the ball, the place (seen from the goal of the team that had the ball)
and the seconds before the foul.

A foul ends one of four situations. After a *duel*, the most frequent situation, it is rarely a hand ball, more often in
the air and in the box. If a player takes a ball down (*control*), it often is a hand ball, most often if the ball was
fast, came from the opponent and came just before. If a shot or cross is *blocked*, it is a hand ball if the ball came
from near and in the own box. If play had *stopped*, it never is. Which fouls of a situation are hand balls is random,
so no model can be right about all of them.
"""

import gzip
import io
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from slipway.core.config import Section

Share = Annotated[float, Field(ge=0, le=1)]

SITUATIONS = ("duel", "control", "block", "stopped")
_SHARES = (0.875, 0.048, 0.035, 0.042)
_PASSES = {
    "Simple pass": 0.52,
    "High pass": 0.14,
    "Head pass": 0.10,
    "Launch": 0.08,
    "Cross": 0.06,
    "Clearance": 0.05,
    "Throw in": 0.03,
    "Smart pass": 0.012,
    "Hand pass": 0.004,
    "Free kick cross": 0.004,
}
_FAST = ("High pass", "Launch", "Cross", "Clearance", "Free kick cross")
_DUELS = {"Ground": 0.74, "Ground loose ball": 0.17, "Air": 0.09}
_STOPS = {"Ball out of the field": 0.45, "Foul": 0.35, "Protest": 0.12, "Whistle": 0.08}
_OTHER = {"Foul": 0.965, "Protest": 0.012, "Out of game foul": 0.011, "Late card foul": 0.007, "Simulation": 0.005}
_EVENTS = {
    "Throw in": "Free Kick",
    "Free kick cross": "Free Kick",
    "Clearance": "Others on the ball",
    "Touch": "Others on the ball",
    "Shot": "Shot",
    "Ball out of the field": "Interruption",
    "Whistle": "Interruption",
    "Foul": "Foul",
    "Protest": "Foul",
}
"""The kind of event by sub-event; a sub-event that is not listed and not a duel is a pass."""
LENGTH, WIDTH = 105.0, 68.0
"""The size of the pitch in metres."""


class World(Section):
    """A season of `matches` with `fouls` each on average.

    `hand` is added to the log-odds of a hand ball (0 gives about 4 % of the fouls). `gaps` is the share of events whose
    place was not recorded, `unseen` the share of fouls with fewer than three events before. `shift`, from 0 to 1, is a
    different interpretation of the rule: shots and crosses that hit an arm from near are not punished, and balls taken
    down with the arm are punished strictly; the events before a foul do not change.
    """

    matches: Annotated[int, Field(ge=3)] = 600
    fouls: Annotated[float, Field(gt=1, le=100)] = 26.0
    hand: float = 0.0
    gaps: Share = 0.01
    unseen: Share = 0.002
    shift: Annotated[float, Field(ge=0, le=1)] = 0.0


def simulate(world: World, seed: int, out: Path) -> None:
    """Write `fouls.csv.gz` into the folder `out`."""
    matches = [_match(world, number, np.random.default_rng((seed, number))) for number in range(world.matches)]
    table = pd.concat(matches, ignore_index=True)
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.2f")
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as file:
        file.write(text.encode())
    out.mkdir(parents=True, exist_ok=True)
    (out / "fouls.csv.gz").write_bytes(packed.getvalue())


def _match(world: World, number: int, draw: np.random.Generator) -> pd.DataFrame:
    """The fouls of one match, in order."""
    count = max(2, int(draw.poisson(world.fouls)))
    minute = np.sort(draw.uniform(0, 93, count))
    second_half = minute > 46.5
    situation = draw.choice(SITUATIONS, count, p=_SHARES)
    x, y = 100 * draw.beta(1.7, 1.5, count), 100 * draw.beta(0.9, 0.9, count)
    x = np.where(situation == "block", 100 * draw.beta(1.3, 4.5, count), x)
    events = _before(situation, x, y, draw)
    odds = _log_odds(world, situation, events, x, y)
    hand = draw.random(count) < 1 / (1 + np.exp(-odds))
    other = draw.choice(list(_OTHER), count, p=_probabilities(_OTHER))
    scored = [draw.poisson(minute / 93 * 1.3 / 2) + draw.poisson(0.3) * (minute > 60) for _ in range(2)]
    table = {
        "match_id": number + 1,
        "event_id": (number + 1) * 1000 + np.arange(count),
        "period": np.where(second_half, "2H", "1H"),
        "sec": (60 * np.where(second_half, minute - 46.5, minute)).round(2),
        "x": x.round(),
        "y": y.round(),
        "label": np.where(hand, "Hand foul", other),
    }
    recorded = _recorded(events, world, draw)
    return pd.DataFrame(
        table | recorded | {"goals_for": scored[0], "goals_against": scored[1], "n_prev_fouls_match": np.arange(count)}
    )


def _before(situation: np.ndarray, x: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> list[pd.DataFrame]:
    """The event before each foul, the one before that, and the third, as frames with a row a foul.

    Columns: `sub`, the sub-event; `same`, 1 if the team that fouls had the ball; `x` and `y`, the place seen from that
    team's own goal; `dt`, the seconds before the foul.
    """
    count = len(situation)
    duel, control, block = (situation == name for name in SITUATIONS[:3])
    kind = draw.choice(list(_DUELS), count, p=_probabilities(_DUELS))
    attacks = draw.random(count) < 0.45
    ground = kind == "Ground"
    pair = [
        np.where(ground, np.where(side, "Ground attacking duel", "Ground defending duel"), np.char.add(kind, " duel"))
        for side in (attacks, ~attacks)
    ]
    passes = [draw.choice(list(_PASSES), count, p=_probabilities(_PASSES)) for _ in range(3)]
    stops = draw.choice(list(_STOPS), count, p=_probabilities(_STOPS))
    shot = np.where(draw.random(count) < 0.55, "Shot", "Cross")
    sub = [
        np.select([duel, control, block], [pair[0], "Touch", shot], stops),
        np.select([duel, control, block], [pair[1], passes[1], passes[1]], pair[1]),
        np.where(duel & (draw.random(count) < 0.25), pair[0], passes[2]),
    ]
    same = [
        np.select([duel, control, block], [draw.random(count) < 0.5, draw.random(count) < 0.85, False], attacks),
        np.where(control | block, draw.random(count) < 0.35, ~attacks),
        draw.random(count) < 0.36,
    ]
    same[1] = np.where(duel, ~same[0], same[1])
    steps = [draw.gamma(4, 0.45, count), draw.gamma(2, 0.35, count), draw.gamma(3, 0.8, count)]
    steps[0] = np.where(block, draw.gamma(2, 0.25, count), steps[0])
    away = [np.where(duel, 0, np.where(block, 9, 2)), np.where(duel, 0, 16), np.full(count, 14)]
    events, px, py, dt = [], x, y, np.zeros(count)
    for one, own, step, metres in zip(sub, same, steps, away, strict=True):
        dt = dt + step
        far, angle = metres * draw.gamma(2, 0.5, count), draw.uniform(0, 2 * np.pi, count)
        px = np.clip(px + 100 * far * np.cos(angle) / LENGTH, 0, 100)
        py = np.clip(py + 100 * far * np.sin(angle) / WIDTH, 0, 100)
        events.append(pd.DataFrame({"sub": one, "same": own.astype(float), "x": px, "y": py, "dt": dt}))
    return events


def _log_odds(
    world: World, situation: np.ndarray, events: list[pd.DataFrame], x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """The log-odds of a hand ball, given the situation and the events."""
    last, second = events[0], events[1]
    box = (x < 16.5 / LENGTH * 100) & (np.abs(y - 50) < 20.15 / WIDTH * 100)
    since, flight = last["dt"].to_numpy(), np.maximum((second["dt"] - last["dt"]).to_numpy(), 0.15)
    speed, near = _metres(last, second) / flight, _metres(last, pd.DataFrame({"x": x, "y": y}))
    air, fast = last["sub"].eq("Air duel").to_numpy(), second["sub"].isin(_FAST).to_numpy()
    own, theirs = last["same"].to_numpy() == 1, second["same"].to_numpy() == 0
    duel = -4.9 + 1.2 * air + 1.0 * box + 0.8 * (since < 0.8)
    control = -8.0 + 8.0 * own + 4.0 * fast + 0.10 * np.minimum(speed, 40) - 2.0 * since + 3.5 * theirs
    control += 4.0 * world.shift
    block = 3.0 + 4.0 * box - 0.8 * near - 1.5 * since - 6.0 * world.shift
    odds: np.ndarray = np.select([situation == name for name in SITUATIONS[:3]], [duel, control, block], -12.0)
    return odds + world.hand


def _metres(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    along = (one["x"] - other["x"]).to_numpy() * LENGTH / 100
    across = (one["y"] - other["y"]).to_numpy() * WIDTH / 100
    metres: np.ndarray = np.hypot(along, across)
    return metres


def _recorded(events: list[pd.DataFrame], world: World, draw: np.random.Generator) -> dict[str, np.ndarray]:
    """The columns of the events as recorded: places seen from the goal of the team with the ball, and with gaps."""
    recorded: dict[str, np.ndarray] = {}
    count = len(events[0])
    missing = np.array(None, object)
    seen = np.where(draw.random(count) < world.unseen, draw.integers(0, 3, count), 3)
    for number, event in enumerate(events, start=1):
        own, there = event["same"].to_numpy() == 1, seen >= number
        placed = there & (draw.random(count) >= world.gaps)
        sub = event["sub"].to_numpy(object)
        kinds = np.array([_EVENTS.get(name, "Duel" if name.endswith("duel") else "Pass") for name in sub], object)
        recorded |= {
            f"p{number}_event": np.where(there, kinds, missing),
            f"p{number}_sub": np.where(there, sub, missing),
            f"p{number}_same_team": np.where(there, event["same"], np.nan),
            f"p{number}_x": np.where(placed, np.where(own, event["x"], 100 - event["x"]).round(), np.nan),
            f"p{number}_y": np.where(placed, np.where(own, event["y"], 100 - event["y"]).round(), np.nan),
            f"p{number}_dt": np.where(there, event["dt"].round(2), np.nan),
        }
    return recorded


def _probabilities(shares: dict[str, float]) -> np.ndarray:
    given = np.array(list(shares.values()))
    probabilities: np.ndarray = given / given.sum()
    return probabilities
