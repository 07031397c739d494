"""`slipway frames`: single frames from videos, as pictures to train on.

A video `clip.mp4` becomes the folder `clip` with the frames `clip_00012.480.jpg`, named by their time in seconds after
the video's first frame; `metadata.csv` in the output folder has a row a frame (path, label, group, time, width, height,
video), so that the frames of one video never stand on two sides of a split. With a label they go to the folder of
that class, the layout in which classes of pictures are learnt; without one, they wait to be sorted.

Videos are decoded from start to end: seeking lands beside the frame that was asked for in files with a damaged index,
open groups of pictures or a variable frame rate. Recordings that were joined into one file follow one another. Of each
interval the first frame shown in it is taken; behind damage, none up to the next key frame. Rotation and mirroring (the
display matrix) are honoured. Equal videos give equal bytes.

A video's frames are written to a hidden folder that is renamed when all are there, so a kill leaves no half-written
frame; metadata.csv comes before the rename, and running again replaces both. `video` is the start of the SHA-256 of
the video: by it the frames of another video of the same name are told apart, and are never overwritten.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
from av.container import InputContainer
from av.format import Flags
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace
from PIL import Image
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from slipway.core import atomic
from slipway.core.errors import ConfigError, DataError
from slipway.core.terminal import Console
from slipway.data.readers import tables
from slipway.data.readers.metadata import METADATA

COLUMNS = ("path", "label", "group", "time", "width", "height", "video")
QUALITY = 92
"""Of the JPEGs; from 90 on a loss is not to be seen."""
THREADS = 4
"""Of the decoder, on every machine: how many frames an error costs depends on it."""
SHORT = Fraction(1)
"""Seconds that the last frame may end before the length that the file states; more is a file cut short."""
OTHERS = Fraction(1, 20)
"""The share by which the pictures may end before that, where it is the length of sound and pictures together."""
BACK, AHEAD = Fraction(1, 5), Fraction(10)
"""Seconds by which the time of a frame may go back, and ahead in a format of broadcasts, whose clock may be set anew;
more is the beginning of another recording in the file, which goes on where the one before it ended."""
_UNNAMED = 2
"""FFmpeg's number of the colour space that a video does not name."""
_UNITS = {"": Fraction(1), "s": Fraction(1), "ms": Fraction(1, 1000), "min": Fraction(60)}


class VideoError(DataError):
    """A video cannot be read, or not to its end; the message has no path."""


@dataclass(frozen=True)
class Extracted:
    """What came of one video: its folder and the frames in it, and what is wrong with it, if anything."""

    video: str
    folder: str | None
    frames: int
    seconds: float
    error: str | None


def interval(text: str) -> Fraction:
    """Seconds, exactly: `1s`, `500ms`, `2.5s`, `1min`, `0.5`.

    Raises:
        ConfigError: it is no time of a millisecond or more.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", text.strip())
    if match and match[2] in _UNITS and (seconds := Fraction(match[1]) * _UNITS[match[2]]) >= Fraction(1, 1000):
        return seconds
    raise ConfigError(f"{text!r} is no interval: give a number and a unit, 1s, 500ms or 2.5s, of at least 1ms")


def frames(videos: Sequence[Path], out: Path, every: Fraction, label: str | None) -> list[Extracted]:
    """Write the frames of each video, one every `every` seconds; a video that is bad does not stop the others.

    Args:
        videos: the files.
        out: the folder that gets the frames and metadata.csv.
        every: seconds.
        label: the class that they show; None to leave them for sorting.

    Raises:
        ConfigError: the label cannot be a folder's name.
        DataError: metadata.csv is there and cannot be read, or a file cannot be written.
    """
    if label is not None and (label != Path(label).name or label.startswith(".") or not label.strip()):
        raise ConfigError(f"{label!r} cannot be a class: give the name of a folder, without a path or a dot before it")
    table = _Metadata(out / METADATA)
    names = _names(videos)
    done: dict[str, str] = {}
    results = []
    with _progress() as progress:
        for number, (video, name) in enumerate(zip(videos, names, strict=True), start=1):
            bar = progress.add_task(f"{number}/{len(videos)} {video.name}", total=None)

            def advance(share: float, bar: Any = bar) -> None:
                progress.update(bar, completed=share, total=1.0)

            results.append(_one(video, name, out, every, label, table, done, advance))
            progress.remove_task(bar)
    return results


def _one(
    video: Path,
    name: str,
    out: Path,
    every: Fraction,
    label: str | None,
    table: "_Metadata",
    done: dict[str, str],
    advance: Callable[[float], None],
) -> Extracted:
    """Extract one video; `done` has the videos of this run by what identifies them."""
    rows: list[dict[str, Any]] = []
    wrong: str | None = None
    try:
        identity = _identify(video)
        if identity in done:
            raise VideoError(f"the same bytes as {done[identity]}, whose frames are there")
        done[identity] = str(video)
        name = table.name_of(identity) or name
        folder = name if label is None else f"{label}/{name}"
        table.check(folder, identity)
        with atomic.folder(out / folder) as temporary:
            try:
                for time, image in _sample(video, every, advance):
                    file = f"{name}_{float(time):09.3f}.jpg"
                    image.save(temporary / file, "JPEG", quality=QUALITY)
                    size = {"width": image.width, "height": image.height}
                    row = {
                        "path": f"{folder}/{file}",
                        "label": label or "",
                        "group": name,
                        "time": f"{float(time):.3f}",
                    }
                    rows.append(row | size | {"video": identity})
            except VideoError as error:
                if not rows:
                    raise
                wrong = str(error)
            table.replace(folder, rows)
    except VideoError as error:
        return Extracted(str(video), None, 0, 0.0, str(error))
    except OSError as error:
        raise DataError(f"{out}: {error.strerror or error}; the frames of the videos before {video} are kept")
    return Extracted(str(video), str(out / folder), len(rows), float(rows[-1]["time"]), wrong)


def _names(videos: Sequence[Path]) -> list[str]:
    """A name for each video's folder: the file's stem, with the folders above it where two have the same."""
    parts = [[part.lstrip(".") or "video" for part in (*video.resolve().parts[1:-1], video.stem)] for video in videos]
    depths = [1] * len(videos)
    while True:
        names = ["-".join(own[-depth:]) for own, depth in zip(parts, depths, strict=True)]
        folded = [name.casefold() for name in names]
        deeper = [
            min(depth + (folded.count(name) > 1), len(own))
            for depth, name, own in zip(depths, folded, parts, strict=True)
        ]
        if deeper == depths:
            return names
        depths = deeper


def _identify(video: Path) -> str:
    """The first 16 hexadecimal digits of the file's SHA-256.

    Raises:
        VideoError: it is absent, empty or not a file.
    """
    try:
        if not video.is_file():
            raise VideoError("a folder, not a video" if video.is_dir() else "no such file")
        if not video.stat().st_size:
            raise VideoError("an empty file")
        with video.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise VideoError(error.strerror or str(error))


def _sample(video: Path, every: Fraction, advance: Callable[[float], None]) -> Iterator[tuple[Fraction, Image.Image]]:
    """The first frame of each interval with its time after the first frame, upright.

    Raises:
        VideoError: it has no pictures or is damaged, when all that can be read was given.
    """
    with closing(_open(video)) as container:
        stream = next((one for one in container.streams.video if not _cover(one)), None)
        if stream is None:
            held = sorted({one.type for one in container.streams})
            raise VideoError(f"no moving pictures in it; it holds {', '.join(held) or 'nothing'}")
        if stream.codec_context is None:
            raise VideoError("no decoder for its codec")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        stream.codec_context.options = {"err_detect": "explode"}  # else damage is painted over, and not told
        length = _length(container, stream)
        frame_time = 1 / (stream.average_rate or stream.guessed_rate or Fraction(25))
        damaged, lost = 0, False
        broadcast = bool(container.format.flags & Flags.ts_discont.value)  # type: ignore[operator]
        first: Fraction | None = None
        last, time, due = Fraction(0), -frame_time, Fraction(0)
        for frame in _decode(container, stream):
            if frame is None or frame.is_corrupt:
                damaged += not lost
                lost = True
                continue
            if frame.pts is None or frame.time_base is None:
                time += frame_time
            else:
                shown = frame.pts * frame.time_base
                step = 0 if first is None else shown - last
                if first is None or step < -BACK or (broadcast and step > AHEAD):
                    first = shown - (time + frame_time)
                    length = max(length - step, Fraction(0)) if step > 0 else length
                time, last = max(shown - first, time), shown
            lost = lost and not frame.key_frame
            if time >= due and not lost:
                yield time, _upright(frame)
                due = (time // every + 1) * every
            if length:
                advance(float(min(time / length, Fraction(1))))
        if time < 0:
            raise VideoError("none of its pictures can be decoded")
        wrong = [f"damaged in {damaged} places"] if damaged else []
        short = max(SHORT, 2 * frame_time, Fraction(0) if stream.duration else length * OTHERS)
        if length - (time + frame_time) > short:
            wrong.append(f"ends after {float(time + frame_time):.1f} s of {float(length):.1f} s")
        boxes = _boxes(video) if "mp4" in container.format.name else []
        if boxes.count(b"moov") > 1 and b"moof" not in boxes:
            wrong.append(
                f"{boxes.count(b'moov')} recordings in one file, of which only the first can be read; split them"
            )
        if wrong:
            raise VideoError(f"{'; '.join(wrong)}; the frames that can be read are kept")


def _open(video: Path) -> InputContainer:
    try:
        return av.open(str(video), metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(f"not a video that can be read ({_said(error)})")


def _said(error: Exception) -> str:
    """FFmpeg's words, without the path."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()


def _cover(stream: Any) -> bool:
    """Whether a stream is one still picture, the cover of a piece of music."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _length(container: InputContainer, stream: Any) -> Fraction:
    """Seconds that the file states for the pictures, else for all that is in it; 0 where it states none."""
    if stream.duration and stream.time_base:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration or 0, av.time_base)


def _boxes(video: Path) -> list[bytes]:
    """The kinds of the parts of an MP4 file, in order."""
    kinds, end = [], video.stat().st_size
    with video.open("rb") as file:
        while len(head := file.read(16)) >= 8:
            kinds.append(head[4:8])
            size = int.from_bytes(head[8:] if head[:4] == b"\0\0\0\1" else head[:4])
            if size < 8 or file.tell() - len(head) + size > end:
                break
            file.seek(size - len(head), 1)
    return kinds


def _decode(container: InputContainer, stream: Any) -> Iterator[Any]:
    """Frames in the order in which they are shown, and None where a packet is damaged or cannot be decoded."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            if packet.is_corrupt:
                yield None
            yield from packet.decode()
        except StopIteration:
            break
        except av.FFmpegError:
            yield None
    with suppress(av.FFmpegError):  # what the decoder still holds where demultiplexing ended in an error
        yield from stream.decode(None)


def _upright(frame: Any) -> Image.Image:
    """The frame in RGB as a player shows it: turned and mirrored by the display matrix, to multiples of 90 degrees; of
    colours that are not named, those of HD by BT.709, others by BT.601.

    The matrix [[a, b], [c, d]] takes a point (x, y) of the stored picture, y downwards, to (ax + cy, bx + dy).
    """
    if frame.colorspace == _UNNAMED and not frame.format.is_rgb and (frame.width >= 1280 or frame.height > 576):
        frame.colorspace = Colorspace.ITU709
    image: Image.Image = frame.to_image()
    matrix = next((data for data in frame.side_data if data.type == Type.DISPLAYMATRIX), None)
    if matrix is None:
        return image
    a, b, _, c, d = np.frombuffer(bytes(matrix), "<i4")[:5].astype(int)
    if max(abs(a), abs(d)) < max(abs(b), abs(c)):
        image = image.transpose(Image.Transpose.TRANSPOSE)
        a, d = c, b
    if a < 0:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if d < 0:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


class _Metadata:
    """metadata.csv of the output folder; rows and columns that this command does not know stay as they are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._table = pd.DataFrame(columns=list(COLUMNS), dtype=str)
        if path.exists():
            self._table = tables.read_csv(path, text=None)
            tables.require(str(path), self._table, ["path", *(one for one in COLUMNS if one in self._table)])
            for column in COLUMNS:
                if column not in self._table:
                    self._table[column] = ""

    def name_of(self, identity: str) -> str | None:
        """The name under which a video's frames are there already."""
        known = self._table.loc[self._table["video"] == identity, "path"]
        return None if known.empty else Path(known.iloc[0]).parent.name

    def check(self, folder: str, identity: str) -> None:
        """Refuse to overwrite what is not of this video, or to group its frames with another's.

        Raises:
            VideoError: there is such a folder with something else, or one of this name in another class.
        """
        out, name = self._path.parent, Path(folder).name.casefold()
        ours = self._table["video"] == identity
        if (out / folder).exists() and not (self._inside(folder) & ours).any():
            raise VideoError(f"{out / folder} is there and not of this video; move it, or rename the video")
        for held in sorted({str(Path(path).parent) for path in self._table.loc[~ours, "path"]}):
            if Path(held).name.casefold() == name and (out / held).exists():
                raise VideoError(f"{out / held} is of another video of this name; move it, or rename this video")

    def replace(self, folder: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write the table with these rows for a folder, in the order of their paths."""
        kept = self._table[~self._inside(folder)]
        added = pd.DataFrame(rows, dtype=str).reindex(columns=self._table.columns, fill_value="")
        self._table = pd.concat([kept, added]).sort_values("path", kind="stable", ignore_index=True)
        text = io.StringIO()
        self._table.to_csv(text, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        atomic.write_text(self._path, text.getvalue())

    def _inside(self, folder: str) -> Any:
        return self._table["path"].str.startswith(f"{folder}/")


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
