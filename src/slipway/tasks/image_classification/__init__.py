"""Image classification: which one of a few classes a picture shows.

Raw layout: one folder a class, pictures in it or in folders below it (JPEG, PNG or WebP, told by content), and
optionally `metadata.csv` with the columns `path` (relative to the raw folder) and any of `label`, `group`, `split` and
`fold`; other columns are not read. Where there is a `metadata.csv`, it lists every picture.

Encoded: uint8 RGB [height, width, 3], turned upright by EXIF and squashed to size with an antialiased bilinear filter;
a model scales it itself. Targets: int64, the position of the class in the spec's `outputs`. Predictions: probabilities
[n, classes]. Beside each picture goes its 64-bit difference hash (dHash: is each pixel of a 9 x 8 grey thumbnail
darker than its right neighbour), by which near-duplicates are found.

Metrics with two classes are of the first one listed, the positive one; with more, the mean over classes. Expected
calibration error is that of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, with 15 bins.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError
from pydantic import Field, field_validator

from slipway.config import Section
from slipway.errors import DataError
from slipway.protocol import Encoded, Index, Plot, Problem, Spec

METADATA = "metadata.csv"
LITTER = frozenset({"Thumbs.db", "desktop.ini"})
"""Files that file managers leave behind; they and dotfiles are passed over."""
SPLITS = ("train", "val", "test")
BATCH = 256
WORKERS = min(4, max(2, os.cpu_count() or 2))
CALIBRATION_BINS = 15
HISTOGRAM_BINS = 20
LARGEST = 90_000_000
"""Pixels beyond which a picture is not decoded: each worker may hold one such picture at a time."""

Picture = bytes | str | Path | np.ndarray
"""A picture as callers have it: an encoded file's bytes, its path, or decoded RGB uint8 [height, width, 3]."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112


class Data(Section):
    """The `data` section: the size pictures are encoded to, and what their classes and groups are.

    `classes`: folder names in the order of the model's outputs, for two classes the positive one first; null takes
    all folders by name. `group`: a regular expression whose one group, searched for in a picture's path within its
    class folder without suffix, names what stays on one side of a split (`^([^/]+)/` for a folder a video); null takes
    the `group` column of metadata.csv, and without that each picture is a group of its own.
    """

    height: Annotated[int, Field(ge=8)]
    width: Annotated[int, Field(ge=8)]
    classes: tuple[str, ...] | None = None
    group: str | None = None

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if classes is not None and (len(classes) < 2 or len(set(classes)) < len(classes)):
            raise ValueError("classes must be two or more different names")
        return classes

    @field_validator("group")
    @classmethod
    def _one_group(cls, group: str | None) -> str | None:
        if group is not None:
            try:
                groups = re.compile(group).groups
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}")
            if groups != 1:
                raise ValueError(f"the expression must have exactly one (group), not {groups}")
        return group


class PictureError(DataError):
    """A picture cannot be decoded; `kind` is a short name to count by."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


def encode_picture(picture: Picture, height: int, width: int) -> np.ndarray:
    """One picture as uint8 RGB [height, width, 3], upright and squashed to size; transparency is laid on white.

    Raises:
        PictureError: it is empty, no JPEG, PNG or WebP, cut short or otherwise damaged, or an array of another form.
    """
    if isinstance(picture, np.ndarray):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
            found = f"{picture.dtype} {list(picture.shape)}"
            raise PictureError("not a picture", f"an array must be uint8 [height, width, 3], not {found}")
        resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        return np.array(resized)
    content = _content(picture)
    _recognise(content[:12])
    try:
        with Image.open(BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            side = max(height, width)
            image.draft(None, (side, side))
            if image.width * image.height > LARGEST:
                raise PictureError("too large", f"{image.width} x {image.height} pixels")
            orientation = _orientation(image)
            turn = _UPRIGHT.get(orientation)
            size = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
            resized = _rgb(image).resize(size, Image.Resampling.BILINEAR)
            return np.array(resized if turn is None else resized.transpose(turn))
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError("too large", str(error))
    except UnidentifiedImageError:  # its message holds a memory address
        raise PictureError("damaged", "its header cannot be read")
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        kind = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise PictureError(kind, str(error) or type(error).__name__)


def difference_hash(encoded: np.ndarray) -> int:
    """The 64-bit dHash of one encoded picture [height, width, 3]; near-duplicates differ in few bits."""
    grey = Image.fromarray(encoded).convert("L").resize((9, 8), Image.Resampling.BOX)
    pixels = np.asarray(grey)
    bits = np.packbits(pixels[:, 1:] > pixels[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


class Task:
    """Image classification over one variant's `data` section; see `slipway.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    metrics: ClassVar[frozenset[str]] = frozenset(
        {"accuracy", "precision", "recall", "f1", "roc_auc", "ece", "log_loss"}
    )
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "f1", "roc_auc")

    def __init__(self, data: Any) -> None:
        self._height: int = data.height
        self._width: int = data.width
        self._classes: tuple[str, ...] | None = data.classes
        self._group: re.Pattern[str] | None = None if data.group is None else re.compile(data.group)

    def index(self, raw: Path) -> Index:
        """List the pictures by their first bytes, without decoding them; `example` is the path relative to `raw`.

        Raises:
            DataError: no class folders, folders that are no class, a class without pictures, an unusable metadata.csv,
                or a group expression that fits no picture.
        """
        problems: list[Problem] = []
        rows = [(path, label) for label in self._folders(raw) for path in _walk(raw, raw / label, problems)]
        problems += [
            Problem(entry.name, "not in a class folder", "move it into the folder of its class, or remove it")
            for entry in sorted(raw.iterdir())
            if entry.is_file() and entry.name != METADATA and not _litter(entry.name)
        ]
        examples = pd.DataFrame(rows, columns=["example", "label"], dtype="str")
        if (raw / METADATA).exists():
            examples = _described(examples, raw / METADATA, problems)
        if self._group is not None:
            examples = self._grouped(examples, problems)
        elif "group" not in examples:
            examples["group"] = examples["example"]
        for label in self._folders(raw):
            if not (examples["label"] == label).any():
                raise DataError(_nothing_left(raw, label, problems))
        examples = examples.sort_values("example", ignore_index=True)
        return Index(examples, sorted(problems, key=lambda problem: (problem.where, problem.kind)))

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """The size of the input and the class names; nothing is learnt from `examples`."""
        return {
            "objective": "multiclass",
            "input": {"shape": [self._height, self._width, 3], "dtype": "uint8"},
            "outputs": list(self._folders(raw)),
        }

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Decode pictures in order on a few threads, 256 to a batch; at most two batches are held."""
        height, width, _ = spec["input"]["shape"]
        names: list[str] = examples["example"].tolist()
        classes = {name: position for position, name in enumerate(spec["outputs"])}
        targets = examples["label"].map(classes).to_numpy(np.int64)

        def read(name: str) -> tuple[np.ndarray, int] | Problem:
            try:
                encoded = encode_picture(raw / name, height, width)
            except PictureError as error:
                return Problem(name, error.kind, error.detail)
            return encoded, difference_hash(encoded)

        with ThreadPoolExecutor(WORKERS) as pool:

            def submit(start: int) -> list[Future[tuple[np.ndarray, int] | Problem]]:
                return [pool.submit(read, name) for name in names[start : start + BATCH]]

            ahead = submit(0)
            for start in range(0, len(names), BATCH):
                results = [future.result() for future in ahead]
                ahead = submit(start + BATCH)
                good = [(row, result) for row, result in enumerate(results) if not isinstance(result, Problem)]
                rows = np.array([start + row for row, _ in good], np.int64)
                inputs = np.empty((len(good), height, width, 3), np.uint8)
                for position, (_, (encoded, _)) in enumerate(good):
                    inputs[position] = encoded
                yield Encoded(
                    rows=rows,
                    inputs=inputs,
                    targets=targets[rows],
                    hashes=np.array([fingerprint for _, (_, fingerprint) in good], np.uint64),
                    problems=[result for result in results if isinstance(result, Problem)],
                )

    def encode_raw(self, examples: Sequence[Picture], spec: Spec) -> np.ndarray:
        """Pictures (bytes, paths or RGB arrays) as uint8 [n, height, width, 3], as `encode` would give them.

        Raises:
            DataError: a picture cannot be decoded; the message says which.
        """
        height, width, _ = spec["input"]["shape"]
        out = np.empty((len(examples), height, width, 3), np.uint8)
        for position, picture in enumerate(examples):
            try:
                out[position] = encode_picture(picture, height, width)
            except PictureError as error:
                name = f" ({picture})" if isinstance(picture, str | Path) else ""
                raise DataError(f"picture {position}{name}: {error}")
        return out

    def decode(self, outputs: np.ndarray, inputs: np.ndarray, spec: Spec) -> np.ndarray:
        """Model outputs are probabilities already."""
        return outputs

    def score(
        self,
        examples: pd.DataFrame,
        targets: np.ndarray,
        predictions: np.ndarray,
        spec: Spec,
        weight: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Every metric, from targets [n] and probabilities [n, classes].

        A class that the weighted examples lack is left out of means over classes; where that is the positive one of
        two, its precision, recall and F1 are nan, and so is ROC AUC where only one class is left.
        """
        weight = np.ones(len(targets)) if weight is None else np.asarray(weight, np.float64)
        drawn = weight > 0
        targets, weight = targets[drawn], weight[drawn]
        probabilities = np.asarray(predictions, np.float64)[drawn]
        total = weight.sum()
        if total == 0:
            return dict.fromkeys(sorted(self.metrics), float("nan"))
        count = len(spec["outputs"])
        chosen = probabilities.argmax(axis=1)
        correct = chosen == targets
        precision, recall, f1 = _precision_recall_f1(_confusion(targets, chosen, count, weight))
        judged = [0] if count == 2 else range(count)
        areas = np.array([_roc_area(targets == one, probabilities[:, one], weight) for one in judged])
        told = probabilities[np.arange(len(targets)), targets]
        surprise = -np.log(np.clip(told, np.finfo(np.float32).eps, 1))
        return {
            "accuracy": float(weight @ correct / total),
            "precision": _mean(precision[judged]),
            "recall": _mean(recall[judged]),
            "f1": _mean(f1[judged]),
            "roc_auc": _mean(areas),
            "ece": _calibration_error(probabilities.max(axis=1), correct, weight),
            "log_loss": float(weight @ surprise / total),
        }

    def tables(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, pd.DataFrame]:
        """`per_class`: support, precision, recall and F1; `per_group`: pictures and accuracy."""
        chosen = predictions.argmax(axis=1)
        confusion = _confusion(targets, chosen, len(spec["outputs"]), np.ones(len(targets)))
        precision, recall, f1 = _precision_recall_f1(confusion)
        per_class = pd.DataFrame(
            {
                "class": spec["outputs"],
                "support": confusion.sum(axis=1).astype(np.int64),
                "precision": precision,
                "recall": recall,
                "f1": f1,
            }
        )
        correct = pd.DataFrame({"group": examples["group"].to_numpy(), "correct": chosen == targets})
        per_group = correct.groupby("group", sort=True)["correct"].agg(n="size", accuracy="mean").reset_index()
        return {"per_class": per_class, "per_group": per_group}

    def plots(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Sequence[Plot]:
        """Confusion matrix, ROC curves, reliability curve and, for two classes, the scores of each class."""
        names = np.array(spec["outputs"])
        chosen = predictions.argmax(axis=1)
        confusion = pd.DataFrame({"actual": names[targets], "predicted": names[chosen]})
        plots = [
            Plot("confusion", "Confusion matrix", confusion, "actual", "predicted", "confusion", "actual", "predicted"),
            _roc_plot(targets, predictions, spec["outputs"]),
            _reliability_plot(predictions.max(axis=1), chosen == targets),
        ]
        if len(names) == 2:
            plots.append(_score_plot(targets, predictions[:, 0], spec["outputs"]))
        return plots

    def _folders(self, raw: Path) -> tuple[str, ...]:
        if not raw.is_dir():
            raise DataError(f"{raw}: no such folder; it should hold one folder of pictures a class")
        found = sorted(entry.name for entry in raw.iterdir() if entry.is_dir() and not _litter(entry.name))
        classes = self._classes or tuple(found)
        if unknown := [name for name in found if name not in classes]:
            raise DataError(
                f"{raw}: folders that are no class: {', '.join(unknown)}; the classes are {', '.join(classes)} "
                "(data.classes). Remove the folders or list them"
            )
        if missing := [name for name in classes if name not in found]:
            raise DataError(f"{raw}: no folder for {', '.join(missing)}; each class of data.classes needs one")
        if len(classes) < 2:
            raise DataError(f"{raw}: {len(classes)} class folders; classification needs at least two")
        return classes

    def _grouped(self, examples: pd.DataFrame, problems: list[Problem]) -> pd.DataFrame:
        assert self._group is not None
        groups: list[str | None] = []
        for example in examples["example"]:
            inside = example.split("/", 1)[1]
            match = self._group.search(str(Path(inside).with_suffix("").as_posix()))
            groups.append(match[1] if match else None)
        examples["group"] = groups
        fits = examples["group"].notna()
        if len(examples) and not fits.any():
            first = examples["example"].iloc[0]
            raise DataError(f"data.group {self._group.pattern!r} fits no picture; the first is {first}")
        problems += [
            Problem(example, "no group", f"data.group {self._group.pattern!r} does not fit its name")
            for example in examples.loc[~fits, "example"]
        ]
        return examples[fits]


def _litter(name: str) -> bool:
    return name.startswith(".") or name in LITTER


def _walk(raw: Path, folder: Path, problems: list[Problem]) -> Iterator[str]:
    """Paths of the pictures below `folder`, relative to `raw`."""

    def closed(error: OSError) -> None:
        where = Path(error.filename).relative_to(raw).as_posix()
        problems.append(Problem(where, "unreadable", error.strerror or str(error)))

    for parent, folders, files in os.walk(folder, onerror=closed):
        for name in list(folders):
            if _litter(name):
                folders.remove(name)
            elif Path(parent, name).is_symlink():
                where = Path(parent, name).relative_to(raw).as_posix()
                problems.append(Problem(where, "linked folder", "copy the pictures here; links are not followed"))
        for name in files:
            if _litter(name):
                continue
            path = Path(parent, name)
            where = path.relative_to(raw).as_posix()
            try:
                with path.open("rb") as file:
                    _recognise(file.read(12))
            except PictureError as error:
                problems.append(Problem(where, error.kind, error.detail))
            except OSError as error:
                problems.append(Problem(where, "unreadable", error.strerror or str(error)))
            else:
                yield where


def _recognise(start: bytes) -> None:
    if not start:
        raise PictureError("empty file", "0 bytes")
    webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    if not (webp or start.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))):
        raise PictureError("not a picture", "neither JPEG, PNG nor WebP by its content")


def _content(picture: bytes | str | Path) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, str | Path):
        raise PictureError("not a picture", f"{type(picture).__name__}; give bytes, a path or a uint8 array")
    try:
        return Path(picture).read_bytes()
    except OSError as error:
        raise PictureError("unreadable", error.strerror or str(error))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a picture with broken EXIF is still a picture
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        sixteen = np.asarray(image).clip(0, 65535)
        image = Image.fromarray((sixteen // 256).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return image.convert("RGB")


def _described(examples: pd.DataFrame, path: Path, problems: list[Problem]) -> pd.DataFrame:
    """The pictures that metadata.csv lists, with its columns; what disagrees with the folders is a problem."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not a table of comma-separated values ({error})")
    if "path" not in table:
        raise DataError(f"{path}: no column path; found {', '.join(map(str, table.columns))}")
    table = table[[column for column in ("path", "label", "group", "split", "fold") if column in table]]
    table = table.apply(lambda column: column.str.strip())
    table = table.drop(columns=[name for name in ("split", "fold") if name in table and (table[name] == "").all()])
    for row in np.flatnonzero(table["path"].duplicated()):
        detail = f"{table['path'].iloc[row]} is listed before"
        problems.append(Problem(f"{METADATA}, row {row + 2}", "listed twice", detail))
    table = table.drop_duplicates("path").set_index("path")

    known = set(examples["example"]) | {problem.where for problem in problems}
    problems += [
        Problem(name, "missing file", f"{METADATA} lists it, and it is not there")
        for name in table.index
        if name not in known
    ]
    listed = examples["example"].isin(table.index)
    problems += [
        Problem(name, "not listed", f"{METADATA} has no row for it") for name in examples.loc[~listed, "example"]
    ]
    table = table.reindex(examples.loc[listed, "example"])
    labels = examples.loc[listed, "label"].tolist()

    out = table.assign(folder=labels).reset_index(names="example")
    keep = np.ones(len(out), bool)
    for position, row in enumerate(out.to_dict("records")):
        name, label = row["example"], row["folder"]
        if row.get("label", "") not in ("", label):
            wrong = Problem(name, "label disagrees", f"{METADATA} says {row['label']}, its folder {label}")
        elif row.get("split", "train") not in SPLITS:
            wrong = Problem(name, "unknown split", f"{METADATA} says {row['split']!r}; known are {', '.join(SPLITS)}")
        elif not re.fullmatch("[1-9][0-9]*", row.get("fold", "1")):
            wrong = Problem(name, "unknown fold", f"{METADATA} says {row['fold']!r}; folds count from 1")
        else:
            continue
        problems.append(wrong)
        keep[position] = False
    out = out[keep].assign(label=out["folder"])
    if "group" in out:
        out["group"] = out["group"].where(out["group"] != "", out["example"])
    if "fold" in out:
        out["fold"] = out["fold"].astype(np.int64)
    columns = [column for column in ("example", "label", "group", "split", "fold") if column in out]
    described: pd.DataFrame = out[columns]
    return described


def _nothing_left(raw: Path, label: str, problems: Sequence[Problem]) -> str:
    bad = [problem for problem in problems if problem.where.startswith(f"{label}/")]
    if not bad:
        return f"{raw / label}: class {label} has no pictures; add some, or take the class out"
    return f"{raw / label}: none of its {len(bad)} files is usable; the first is {bad[0].where} ({bad[0].kind})"


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _confusion(targets: np.ndarray, chosen: np.ndarray, count: int, weight: np.ndarray) -> np.ndarray:
    """Weights by actual class (row) and predicted class (column), [count, count]."""
    cells: np.ndarray = np.bincount(targets * count + chosen, weight, count * count)
    return cells.reshape(count, count)


def _precision_recall_f1(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each class, nan where it has no examples; precision is 0 where it was never predicted."""
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    absent = support == 0
    precision = np.where(absent, np.nan, hits / np.where(predicted == 0, 1, predicted))
    recall = np.where(absent, np.nan, hits / np.where(absent, 1, support))
    f1 = np.where(absent, np.nan, 2 * hits / np.where(absent, 1, support + predicted))
    return precision, recall, f1


def _roc_area(positive: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> float:
    """The chance that a positive example scores above a negative one, ties counting half; nan without both."""
    order = scores.argsort()
    scores, mass = scores[order], weight[order]
    ones = np.where(positive[order], mass, 0)
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    ones, zeros = np.add.reduceat(ones, starts), np.add.reduceat(mass - ones, starts)
    below = zeros.cumsum() - zeros / 2
    pairs = ones.sum() * zeros.sum()
    return float(ones @ below / pairs) if pairs else float("nan")


def _calibration_error(confidence: np.ndarray, correct: np.ndarray, weight: np.ndarray) -> float:
    bins = _bins(confidence)
    gaps = np.bincount(bins, weight * (correct - confidence), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / weight.sum())


def _bins(confidence: np.ndarray) -> np.ndarray:
    """The bin of each confidence; a bin holds its upper edge."""
    bins: np.ndarray = np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1
    return bins.clip(0, CALIBRATION_BINS - 1)


def _roc_plot(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str]) -> Plot:
    """True-positive rates at 101 false-positive rates, a column a class (with two, the positive one only)."""
    rates = np.linspace(0, 1, 101)
    shown = names[:1] if len(names) == 2 else names
    table = pd.DataFrame({"false_positive_rate": rates})
    for position, name in enumerate(shown):
        positive, scores = targets == position, predictions[:, position]
        if positive.all() or not positive.any():
            continue
        negatives = np.sort(scores[~positive])[::-1]
        allowed = np.floor(rates * len(negatives) + 1e-9).astype(np.int64)
        cut = np.concatenate([negatives, [-np.inf]])[allowed]
        table[name] = (scores[positive][:, None] > cut).mean(axis=0)
    columns = [name for name in shown if name in table]
    return Plot("roc", "ROC curve", table, "false_positive_rate", columns, "simple", "false-positive rate", "recall")


def _reliability_plot(confidence: np.ndarray, correct: np.ndarray) -> Plot:
    """How often predictions of a confidence are right: a row a bin that holds any."""
    frame = pd.DataFrame({"bin": _bins(confidence), "confidence": confidence, "accuracy": correct})
    table = frame.groupby("bin").agg(
        confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), n=("accuracy", "size")
    )
    table["calibrated"] = table["confidence"]
    return Plot(
        "reliability",
        "Reliability: accuracy by confidence",
        table.reset_index(drop=True),
        "confidence",
        ["accuracy", "calibrated"],
        "simple",
        "mean confidence",
        "accuracy",
    )


def _score_plot(targets: np.ndarray, scores: np.ndarray, names: Sequence[str]) -> Plot:
    """How many pictures of each class got which score of the positive class."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    table = pd.DataFrame({"score": (edges[1:] + edges[:-1]) / 2})
    for position, name in enumerate(names):
        table[name] = np.histogram(scores[targets == position].clip(0, 1), edges)[0]
    return Plot("scores", f"Scores of {names[0]}", table, "score", list(names), "simple", names[0], "pictures")
