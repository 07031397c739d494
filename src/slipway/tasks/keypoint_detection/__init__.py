"""Keypoint detection: where the joints of a person are, given the person's box (top-down pose estimation).

A person is anything with a skeleton: an animal, a hand, a machine. The skeleton is COCO's, or that of `data.keypoints`.

Raw layout: the folder `images`, and COCO keypoints in `annotations.json` or the only *.json; file names in it are
relative to `images`, or start with it. If the data is already split, the sides are folders in `images`, or each side is
a folder with these two (`train/images`, `train/annotations.json`). COCO's own downloads are read as they are
(`train2017/`, `annotations/person_keypoints_train2017.json`). Optionally `metadata.csv` with the columns `path`
(relative to the raw folder, as in `images/one.jpg`) and any of `group`, `split` and `fold`; if there is one, it must
list every picture.

An example is an annotated person. Encoded: the crop around the person's box as uint8 RGB [height, width, 3]. Targets:
float32 [keypoints, 3], x and y as shares of the crop (below 0 or above 1 for a keypoint outside it) and COCO's v: 0 not
annotated, 1 hidden, 2 visible. Predictions: float32 [keypoints, 3], x, y and a score from 0 to 1, computed from
heatmaps (`slipway_edge.tasks.keypoint_detection`). Scores are computed in pixels of the picture; the examples' rows
hold the crops for the conversion.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from slipway.core.config import Section, unwritten
from slipway.core.errors import DataError
from slipway.core.metric import Metric
from slipway.core.protocol import Encoded, Index, Problem, Usage, Words
from slipway.core.spec import Spec
from slipway.data import usage
from slipway.data.readers import folders
from slipway.data.readers.litter import passed_over
from slipway.data.readers.pictures import difference_hash
from slipway.metrics import keypoints, parity
from slipway.tasks.keypoint_detection import annotations, skeleton
from slipway_edge.pictures import PictureError, decode_picture, recognise
from slipway_edge.tasks import keypoint_detection as edge
from slipway_edge.tasks.keypoint_detection import crops

CROP = ["crop_x", "crop_y", "crop_width", "crop_height"]
CONFIDENT = 0.3
"""When two models are compared, keypoints with a lower score are ignored."""
CLOSE = 0.02
"""Two models agree on a keypoint if their places differ by no more than this share of the crop's longer side."""


Name = Annotated[str, Field(min_length=1)]


class Data(Section):
    """The `data` section: the size crops are encoded to, and what their groups are.

    `margin`: the share by which a person's box is enlarged before it is cropped. `group`: a regular expression with one
    group, searched for in a picture's path within `images` without suffix; pictures with the same match stay on one
    side of a split. With null, the `group` column of metadata.csv is used, and without that column each picture is a
    group.

    `keypoints`: the names of the keypoints in the order of the outputs; None takes those of the annotations, which must
    then be COCO's. `flips`: the pairs of names that swap when a picture is mirrored; the others stay. None pairs the
    names that differ in left and right. `sigmas`: of each keypoint, how far apart people place it, as a share of the
    square root of the person's area; average precision needs them. None takes COCO's if all names are COCO's.
    """

    height: Annotated[int, Field(ge=16)]
    width: Annotated[int, Field(ge=16)]
    margin: Annotated[float, Field(ge=0, le=1)] = 0.25
    group: folders.Group = None
    keypoints: Annotated[tuple[Name, ...], Field(min_length=1)] | None = unwritten(None)
    flips: tuple[skeleton.Pair, ...] | None = unwritten(None)
    sigmas: tuple[Annotated[float, Field(gt=0)], ...] | None = unwritten(None)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = self.keypoints
        if names is None:
            if self.flips is not None or self.sigmas is not None:
                raise ValueError("flips and sigmas need keypoints, the names of the keypoints")
            return self
        if len(set(names)) < len(names):
            raise ValueError("keypoints must be different names")
        flipped = [name for pair in self.flips or () for name in pair]
        if unknown := [name for name in flipped if name not in names]:
            raise ValueError(f"flips: {unknown[0]!r} is not one of keypoints")
        if len(set(flipped)) < len(flipped):
            raise ValueError("flips: a keypoint occurs twice")
        if self.sigmas is not None and len(self.sigmas) != len(names):
            raise ValueError(f"sigmas: {len(self.sigmas)} numbers for {len(names)} keypoints")
        return self


class Task(edge.Task):
    """Keypoint detection for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    objective: ClassVar[str] = "keypoints"
    metrics: Mapping[str, Metric] = keypoints.METRICS
    headline: tuple[str, ...] = ("map", "ap50", "ap75", "pck")
    curves: ClassVar[frozenset[str]] = frozenset()
    kinds: ClassVar[frozenset[str]] = frozenset({"group"})
    classes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Any) -> None:
        super().__init__(data.model_dump())
        self._group: re.Pattern[str] | None = None if data.group is None else re.compile(data.group)
        self._data = data
        self._precision = data.keypoints is None or skeleton.sigmas(data.keypoints, data.sigmas) is not None
        if not self._precision:
            self.metrics, self.headline = keypoints.WITHOUT_SIGMAS, tuple(keypoints.WITHOUT_SIGMAS)

    @staticmethod
    def fits(raw: Path) -> bool:
        """Return whether the folder has annotations of keypoints."""
        return annotations.present(raw)

    @staticmethod
    def stated(raw: Path) -> tuple[dict[str, Any], list[str]]:
        """Return the skeleton of the annotations, as keys of the `data` section, and sentences on it.

        Raises:
            DataError: the annotations are not in COCO's format.
        """
        names = annotations.names(raw)
        flips = skeleton.pairs(names)
        known = skeleton.sigmas(names, None) is not None
        data = {} if known else {"keypoints": names, "flips": [list(pair) for pair in flips]}
        return data, skeleton.described(names, flips, known)

    def unlearnt(self, examples: pd.DataFrame) -> tuple[str, float, str]:
        """Return the PCK of the mean pose: each keypoint at its mean place in the crops of all `examples`."""
        crop = examples[CROP].to_numpy()
        points = np.array(examples["keypoints"].tolist()).reshape(len(examples), -1, 3)
        annotated = points[..., 2:] > 0
        places = np.where(annotated, crops.to_shares(points, crop), 0)
        mean = places.sum(axis=0) / np.maximum(annotated.sum(axis=0), 1)
        scores = _scores(examples, points, crops.to_pixels(np.broadcast_to(mean, places.shape), crop), None, ())
        return "pck", scores.total()["pck"], "the PCK of the mean pose"

    def index(self, raw: Path) -> Index:
        """List the annotated persons, without decoding their pictures.

        Raises:
            DataError: there are no pictures or no annotations in COCO's format, metadata.csv cannot be used, or the
                group expression matches no picture.
        """
        problems: list[Problem] = []
        tops = annotations.tops(raw)
        persons = annotations.read(raw, problems, area=self._precision)
        self._check_names(raw, persons.names)
        paths = sorted(path for top in tops for path in folders.walk(raw, raw / top, recognise, problems))
        bad = {problem.where for problem in problems}
        problems += [
            Problem(path, "not annotated", "the annotations do not list it")
            for path in paths
            if path not in persons.pictures
        ]
        missing = persons.pictures - set(paths) - bad
        problems += [Problem(path, "missing picture", "the annotations list it") for path in sorted(missing)]
        pictures = pd.DataFrame(
            {"example": [path for path in paths if path in persons.pictures], "label": persons.category}, dtype="str"
        )
        notes = passed_over(raw)
        if persons.repeated:
            notes.append(f"{persons.repeated:,} annotations repeat an earlier person and are not read")
        if persons.unannotated:
            notes.append(f"{persons.unannotated:,} annotations have no keypoint (v is 0 for all) and are not read")
        pictures = folders.placed(pictures, tops)
        pictures = folders.describe(raw, pictures, self._group, "pictures", problems, notes)
        examples = persons.table.merge(pictures.rename(columns={"example": "picture"}), on="picture")
        crop = crops.around(_lists(examples["box"], 4), self._margin, self._height, self._width)
        examples = examples.assign(**dict(zip(CROP, crop.T, strict=True)))
        examples = examples.sort_values("example", ignore_index=True)
        return Index(examples, sorted(problems, key=lambda problem: (problem.where, problem.kind)), notes)

    def _check_names(self, raw: Path, names: Sequence[str]) -> None:
        if self._data.keypoints is not None:
            _check_same(raw, names, self._data.keypoints, "data.keypoints")
        elif unknown := [name for name in names if name not in keypoints.SIGMAS]:
            raise DataError(
                f"{raw}: keypoint {unknown[0]!r} is not one of COCO's keypoints; list those of your skeleton in "
                f"data.keypoints, and the pairs that swap in a mirrored picture in data.flips: keypoints: "
                f"[{', '.join(names)}]"
            )

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Return the size of the input, and the keypoints with their properties; `examples` are not used."""
        persons, data = annotations.read(raw, []), self._data
        names = persons.names if data.keypoints is None else list(data.keypoints)
        flips = skeleton.pairs(names) if data.flips is None else data.flips
        sigmas = skeleton.sigmas(names, data.sigmas)
        return {
            "objective": self.objective,
            "input": {"shape": [self._height, self._width, 3], "dtype": "uint8"},
            "outputs": names,
            "skeleton": [[names.index(end) for end in bone] for bone in persons.skeleton],
            "mirrored": skeleton.mirrored(names, flips),
            **({} if sigmas is None else {"sigmas": sigmas}),
        }

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Decode each picture once, on a few threads, and cut out its persons.

        Raises:
            DataError: the annotations have other keypoints than the spec.
        """
        height, width, _ = spec["input"]["shape"]
        crop = examples[CROP].to_numpy()
        annotated = annotations.names(raw)
        _check_same(raw, annotated, spec["outputs"], "the model")
        points = _lists(examples["keypoints"], 3 * len(annotated)).reshape(len(examples), len(annotated), 3)
        points = points[:, [annotated.index(name) for name in spec["outputs"]]]
        targets = crops.to_shares(points, crop).astype(np.float32)
        targets[targets[..., 2] == 0] = 0
        pictures, names = pd.factorize(examples["picture"])
        sizes = examples[["picture_height", "picture_width"]].to_numpy()
        rows_of = {name: np.flatnonzero(pictures == position) for position, name in enumerate(names)}

        def read(name: str) -> list[np.ndarray | Problem]:
            rows = rows_of[name]
            try:
                picture = decode_picture(raw / name)
                if picture.shape[:2] != tuple(sizes[rows[0]]):
                    stated = f"{sizes[rows[0]][1]} x {sizes[rows[0]][0]}"
                    detail = f"it is {picture.shape[1]} x {picture.shape[0]} upright, but the annotations say {stated}"
                    raise PictureError("size disagrees", detail)
                return [crops.cut(picture, crop[row], height, width) for row in rows]
            except PictureError as error:
                return [Problem(examples["example"].iloc[row], error.kind, error.detail) for row in rows]

        for start, results in folders.read_ahead(read, list(names)):
            rows = np.concatenate([rows_of[name] for name in names[start : start + len(results)]])
            cut = [one for persons in results for one in persons]
            good = [position for position, one in enumerate(cut) if not isinstance(one, Problem)]
            inputs = np.empty((len(good), height, width, 3), np.uint8)
            for number, position in enumerate(good):
                inputs[number] = cut[position]
            yield Encoded(
                rows=rows[good],
                inputs=inputs,
                targets=targets[rows[good]],
                hashes=np.array([difference_hash(one) for one in inputs], np.uint64),
                problems=[one for one in cut if isinstance(one, Problem)],
            )

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Return nothing: every keypoint is part of the prediction, with its score."""
        return {}

    def scores(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> keypoints.Scores:
        """Return PCK, mean error and, if the spec has sigmas, average precision by COCO's rules, in pixels."""
        crop = examples[CROP].to_numpy()
        truth, found = crops.to_pixels(targets, crop), crops.to_pixels(predictions, crop)
        return _scores(examples, truth, found, spec.get("sigmas"), spec["outputs"])

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: places of keypoints."""
        return Words(f"place and score of {len(spec['outputs'])} keypoints, in this order: {{outputs}}")

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with a picture and the box of a person in it."""
        height, width, _ = spec["input"]["shape"]
        sides = [round(side / (1 + self._margin), 1) for side in (width, height)]
        corner = [round((side - inner) / 2, 1) for side, inner in zip((width, height), sides, strict=True)]
        box = (*corner, *sides)
        return Usage(
            example=(
                "a picture and the box of a person in it, (picture, (x, y, width, height)), in pixels of the upright "
                f"picture; without a box, the person fills the picture. {usage.MANY}. A picture is {usage.PICTURE}"
            ),
            imports="import numpy as np\n",
            code=(
                f'picture = np.load(f"{{folder}}/golden.npz")["inputs"][{shown}]  # or "picture.jpg"\n'
                f"example = (picture, {box})"
            ),
            origin=f"The {usage.FROM_GOLDEN}: a person with a margin.",
            given=None if golden is None else (golden, box),
            file="picture.jpg",
            steps=(
                usage.UPRIGHT,
                f"The box is made longer by {self._margin:g} of its sides and then brought to the ratio {width} : "
                f"{height}. This part is cut out, grey outside the picture, and resized to {width} x {height} pixels.",
                usage.UNSCALED,
            ),
            answer="x and y are in pixels of the upright picture; the score is from 0 to 1.",
        )

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return the agreement on all keypoints with a high native score, and the differences of x and y, as shares."""
        height, width, _ = spec["input"]["shape"]
        sides = np.array([width, height]) / max(height, width)
        distance = np.linalg.norm((native[..., :2] - converted[..., :2]) * sides, axis=-1)
        agree = ((distance <= CLOSE) | (native[..., 2] < CONFIDENT)).all(axis=1)
        return parity.differences(native[..., :2], converted[..., :2], agree)


def _scores(
    examples: pd.DataFrame, truth: np.ndarray, found: np.ndarray, sigmas: Sequence[float] | None, names: Sequence[str]
) -> keypoints.Scores:
    """The scores of keypoints in pixels [n, keypoints, 3]."""
    size = _lists(examples["box"], 4)[:, 2:].max(axis=1)
    return keypoints.Scores(examples["group"], truth, found, examples["area"].to_numpy(), size, sigmas, names)


def _check_same(raw: Path, found: Sequence[str], wanted: Sequence[str], whose: str) -> None:
    """Check that annotations have the wanted keypoints, in any order.

    Raises:
        DataError: they do not.
    """
    if missing := [name for name in wanted if name not in found]:
        raise DataError(f"{raw}: the annotations have no keypoint {', '.join(missing)} of {whose}: {', '.join(found)}")
    if more := [name for name in found if name not in wanted]:
        raise DataError(f"{raw}: the annotations have {', '.join(more)}, which {whose} has not: {', '.join(wanted)}")


def _lists(column: pd.Series, length: int) -> np.ndarray:
    """A column of lists of one length as an array [n, length]."""
    return np.array(column.tolist(), np.float64).reshape(-1, length)
