"""What an answer says: how sure the model is, and which classes it names.

An answer is the prediction of one example in the form for callers (`present` of a task), which shows its kind itself:

    {"ad": 0.98, "content": 0.02}                                  the probability of each class
    {"hand_ball": 0.71, "decision": true}                          that of one class, and the decision for or against it
    {"labels": ["owl"], "probabilities": {"owl": 0.9, "hawk": 0.2}}  labels
    [{"label": "ball", "x": 31.0, ..., "score": 0.8}]              objects
    {"nose": {"x": 31.0, "y": 20.0, "score": 0.9}, ...}            points
    {"visitors": 312.0}                                            a number, which has no confidence and no class
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says.

    Attributes:
        confidence: the probability of the most probable class; of labels, the mean over them of the probability that a
            label is there, or that it is not, whichever is larger; of objects, the highest score; of points, their mean
            score. None where there is none, such as for a number, or where no object was found.
        classes: the most probable class, the labels that were decided for, the classes of the objects, or the class
            that was decided for; empty if there are none.
    """

    confidence: float | None = None
    classes: tuple[str, ...] = ()


NOTHING = Said()


def read(answer: Any) -> Said:
    """Return what an answer says; nothing if it is of a form that says neither."""
    if isinstance(answer, list):
        return _of_objects(answer)
    if not isinstance(answer, dict):
        return NOTHING
    labels, given = answer.get("labels"), answer.get("probabilities")
    if isinstance(labels, list) and given and _probabilities(given):
        return Said(sum(max(one, 1 - one) for one in given.values()) / len(given), tuple(map(str, labels)))
    if isinstance(answer.get("decision"), bool):
        return _of_decision(answer)
    if len(answer) > 1 and _probabilities(answer):
        chosen = max(answer, key=answer.__getitem__)
        return Said(float(answer[chosen]), (str(chosen),))
    if answer and all(map(_scored, answer.values())):
        return Said(sum(float(point["score"]) for point in answer.values()) / len(answer))
    return NOTHING


def mean_confidence(given: Iterable[Any]) -> float:
    """Return the mean confidence of the answers that have one; NaN if none has."""
    found = [one for one in (read(answer).confidence for answer in given) if one is not None]
    return sum(found) / len(found) if found else nan


def _of_objects(objects: list[Any]) -> Said:
    if not objects or not all(_scored(one) and "label" in one for one in objects):
        return NOTHING
    names = dict.fromkeys(str(one["label"]) for one in objects)
    return Said(max(float(one["score"]) for one in objects), tuple(names))


def _of_decision(answer: dict[str, Any]) -> Said:
    given = {name: value for name, value in answer.items() if name != "decision"}
    if len(given) != 1 or not _probabilities(given):
        return NOTHING
    ((name, probability),) = given.items()
    return Said(float(max(probability, 1 - probability)), (str(name),) if answer["decision"] else ())


def _probabilities(given: Any) -> bool:
    """Whether these are numbers from 0 to 1 by name; a decision is none."""
    return isinstance(given, dict) and all(type(one) in (float, int) and 0 <= one <= 1 for one in given.values())


def _scored(one: Any) -> bool:
    return isinstance(one, dict) and type(one.get("score")) in (float, int)
