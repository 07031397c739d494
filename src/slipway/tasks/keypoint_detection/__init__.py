"""Keypoint detection: where the joints of a person are, given the person's box (top-down pose estimation).

Raw layout: the folder `images`, and COCO keypoints in `annotations.json` or the only *.json; file names in it are
relative to `images`, or start with it. Optionally `metadata.csv` with the columns `path` (relative to the raw folder,
as in `images/one.jpg`) and any of `group`, `split` and `fold`; if there is one, it must list every picture.

An example is an annotated person. Encoded: the crop around the person's box as uint8 RGB [height, width, 3]. Targets:
float32 [keypoints, 3], x and y as shares of the crop (below 0 or above 1 for a keypoint outside it) and COCO's v: 0 not
annotated, 1 hidden, 2 visible. Predictions: float32 [keypoints, 3], x, y and a score from 0 to 1, computed from
heatmaps (`slipway_edge.tasks.keypoint_detection`). Scores are computed in pixels of the picture; the examples' rows
hold the crops for the conversion.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from slipway.core.config import Section
from slipway.core.errors import DataError
from slipway.core.metric import Metric
from slipway.core.protocol import Encoded, Index, Problem, Usage, Words
from slipway.core.spec import Spec
from slipway.data import usage
from slipway.data.readers import folders
from slipway.data.readers.litter import passed_over
from slipway.data.readers.pictures import difference_hash
from slipway.data.readers.sides import above_pictures
from slipway.metrics import keypoints, parity
from slipway.tasks.keypoint_detection import annotations
from slipway_edge.pictures import PictureError, decode_picture, recognise
from slipway_edge.tasks import keypoint_detection as edge
from slipway_edge.tasks.keypoint_detection import crops

CROP = ["crop_x", "crop_y", "crop_width", "crop_height"]
CONFIDENT = 0.3
"""When two models are compared, keypoints with a lower score are ignored."""
CLOSE = 0.02
"""Two models agree on a keypoint if their places differ by no more than this share of the crop's longer side."""


class Data(Section):
    """The `data` section: the size crops are encoded to, and what their groups are.

    `margin`: the share by which a person's box is enlarged before it is cropped. `group`: a regular expression with one
    group, searched for in a picture's path within `images` without suffix; pictures with the same match stay on one
    side of a split. With null, the `group` column of metadata.csv is used, and without that column each picture is a
    group.
    """

    height: Annotated[int, Field(ge=16)]
    width: Annotated[int, Field(ge=16)]
    margin: Annotated[float, Field(ge=0, le=1)] = 0.25
    group: folders.Group = None


class Task(edge.Task):
    """Keypoint detection for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    objective: ClassVar[str] = "keypoints"
    metrics: ClassVar[Mapping[str, Metric]] = keypoints.METRICS
    headline: ClassVar[tuple[str, ...]] = ("map", "ap50", "ap75", "pck")
    curves: ClassVar[frozenset[str]] = frozenset()
    kinds: ClassVar[frozenset[str]] = frozenset({"group"})
    classes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Any) -> None:
        super().__init__(data.model_dump())
        self._group: re.Pattern[str] | None = None if data.group is None else re.compile(data.group)

    def index(self, raw: Path) -> Index:
        """List the annotated persons, without decoding their pictures.

        Raises:
            DataError: there are no pictures or no annotations in COCO's format, metadata.csv cannot be used, or the
                group expression matches no picture.
        """
        problems: list[Problem] = []
        persons = annotations.read(raw, problems)
        if unknown := [name for name in persons.names if name not in keypoints.SIGMAS]:
            known = ", ".join(keypoints.SIGMAS)
            raise DataError(f"{raw}: keypoint {unknown[0]!r} is not one of COCO's keypoints: {known}")
        paths = sorted(folders.walk(raw, raw / annotations.PICTURES, recognise, problems))
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
        pictures = folders.placed(pictures, above_pictures(raw, annotations.PICTURES))
        pictures = folders.describe(raw, pictures, self._group, "pictures", problems, notes)
        examples = persons.table.merge(pictures.rename(columns={"example": "picture"}), on="picture")
        crop = crops.around(_lists(examples["box"], 4), self._margin, self._height, self._width)
        examples = examples.assign(**dict(zip(CROP, crop.T, strict=True)))
        examples = examples.sort_values("example", ignore_index=True)
        return Index(examples, sorted(problems, key=lambda problem: (problem.where, problem.kind)), notes)

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Return the size of the input, and the keypoints with their properties; `examples` are not used."""
        persons = annotations.read(raw, [])
        return {
            "objective": self.objective,
            "input": {"shape": [self._height, self._width, 3], "dtype": "uint8"},
            "outputs": persons.names,
            "skeleton": persons.skeleton,
            "mirrored": _mirrored(persons.names),
            "sigmas": [keypoints.SIGMAS[name] for name in persons.names],
        }

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Decode each picture once, on a few threads, and cut out its persons."""
        height, width, _ = spec["input"]["shape"]
        crop = examples[CROP].to_numpy()
        points = _lists(examples["keypoints"], 3 * len(spec["outputs"])).reshape(len(examples), len(spec["outputs"]), 3)
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
        """Return average precision by COCO's rules, PCK and mean error, in pixels of the pictures."""
        crop = examples[CROP].to_numpy()
        return keypoints.Scores(
            examples["group"],
            crops.to_pixels(targets, crop),
            crops.to_pixels(predictions, crop),
            examples["area"].to_numpy(),
            _lists(examples["box"], 4)[:, 2:].max(axis=1),
            spec["sigmas"],
            spec["outputs"],
        )

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


def _mirrored(names: Sequence[str]) -> list[int]:
    """For each keypoint, the position of its mirror image in `names`: left and right are swapped."""
    other = {"left": "right", "right": "left"}
    positions = {name: position for position, name in enumerate(names)}
    swapped = [
        f"{other[side]}_{rest}" if side in other else name for name in names for side, _, rest in [name.partition("_")]
    ]
    return [positions.get(swap, position) for position, swap in enumerate(swapped)]


def _lists(column: pd.Series, length: int) -> np.ndarray:
    """A column of lists of one length as an array [n, length]."""
    return np.array(column.tolist(), np.float64).reshape(-1, length)
