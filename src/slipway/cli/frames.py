"""`slipway frames`: single frames from videos, as pictures to train on.

A video `clip.mp4` becomes the folder `clip` with the frames `clip_00012.480.jpg`, named by their time in seconds after
the video's first frame. `metadata.csv` in the output folder has a row per frame (path, label, group, time, width,
height, video), so that all frames of a video stay on one side of the split. With a label, the frames go to the folder
of that class, the layout for image classification; without one, you sort them yourself.

Videos are decoded from start to end, because seeking misses the requested frame in files with a damaged index, open
groups of pictures or a variable frame rate. Recordings that were joined into one file follow one another. The first
frame shown in each interval is taken; after damage, frames are skipped up to the next key frame. Rotation and mirroring
(the display matrix) are applied. Equal videos give equal bytes.

A video's frames are written to a hidden folder that is renamed when it is complete, so a killed run leaves no
half-written frame. metadata.csv is written before the rename, and running again replaces both. `video` is the start of
the SHA-256 of the video: it distinguishes two videos of the same name, whose frames never overwrite each other.
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
"""Quality of the JPEGs; from 90 on, the loss is not visible."""
THREADS = 4
"""Threads of the decoder, equal on every machine, because the number of frames lost to an error depends on it."""
SHORT = Fraction(1)
"""Seconds by which the last frame may end before the length that the file states; beyond that it is truncated."""
OTHERS = Fraction(1, 20)
"""Share of the stated length by which the pictures may end early if that is the length of sound and pictures."""
BACK, AHEAD = Fraction(1, 5), Fraction(10)
"""Seconds by which a frame's time may go back or, in broadcast formats, whose clock may be reset, jump ahead. After a
larger step another recording begins in the file, which continues where the one before it ended."""
_UNNAMED = 2
"""FFmpeg's number for an unspecified colour space."""
_UNITS = {"": Fraction(1), "s": Fraction(1), "ms": Fraction(1, 1000), "min": Fraction(60)}


class VideoError(DataError):
    """A video cannot be read, or only in part; the message has no path."""


@dataclass(frozen=True)
class Extracted:
    """The result for one video: its folder, the number of frames, the time of the last one, and an error if any."""

    video: str
    folder: str | None
    frames: int
    seconds: float
    error: str | None


def interval(text: str) -> Fraction:
    """Parse a time to exact seconds: `1s`, `500ms`, `2.5s`, `1min`, `0.5`.

    Raises:
        ConfigError: the text is not a time of at least one millisecond.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", text.strip())
    if match and match[2] in _UNITS and (seconds := Fraction(match[1]) * _UNITS[match[2]]) >= Fraction(1, 1000):
        return seconds
    raise ConfigError(f"{text!r} is not an interval: give a number and a unit, 1s, 500ms or 2.5s, of at least 1ms")


def frames(videos: Sequence[Path], out: Path, every: Fraction, label: str | None) -> list[Extracted]:
    """Write a frame every `every` seconds of each video; a bad video does not stop the others.

    Args:
        videos: the video files.
        out: the folder for the frames and metadata.csv.
        every: the interval in seconds.
        label: the class of the frames; None if they are not sorted yet.

    Raises:
        ConfigError: the label cannot be the name of a folder.
        DataError: an existing metadata.csv cannot be read, or a file cannot be written.
    """
    if label is not None and (label != Path(label).name or label.startswith(".") or not label.strip()):
        raise ConfigError(f"{label!r} cannot be a class: give the name of a folder, without a path or a leading dot")
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
    """Extract the frames of one video; `done` has the videos of this run by their hash."""
    rows: list[dict[str, Any]] = []
    wrong: str | None = None
    try:
        identity = _identify(video)
        if identity in done:
            raise VideoError(f"the same bytes as {done[identity]}, whose frames exist already")
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
    """Return a name for each video's folder: the file's stem, prefixed by parent folders if two are equal."""
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
    """Return the first 16 hexadecimal digits of the file's SHA-256.

    Raises:
        VideoError: the file is absent, empty or not a file.
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
    """Yield the first frame of each interval, upright, with its time in seconds after the first frame of the video.

    Raises:
        VideoError: the video has no pictures or is damaged; raised after all readable frames are yielded.
    """
    with closing(_open(video)) as container:
        stream = next((one for one in container.streams.video if not _cover(one)), None)
        if stream is None:
            held = sorted({one.type for one in container.streams})
            raise VideoError(f"no video stream; the file holds {', '.join(held) or 'nothing'}")
        if stream.codec_context is None:
            raise VideoError("no decoder for its codec")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        stream.codec_context.options = {"err_detect": "explode"}  # else the decoder conceals damage without an error
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
            raise VideoError("no frame can be decoded")
        wrong = [f"damaged in {damaged} places"] if damaged else []
        short = max(SHORT, 2 * frame_time, Fraction(0) if stream.duration else length * OTHERS)
        if length - (time + frame_time) > short:
            wrong.append(f"ends after {float(time + frame_time):.1f} s of {float(length):.1f} s")
        atoms = _atoms(video) if "mp4" in container.format.name else []
        if atoms.count(b"moov") > 1 and b"moof" not in atoms:
            wrong.append(
                f"{atoms.count(b'moov')} recordings in one file, of which only the first can be read; split the file"
            )
        if wrong:
            raise VideoError(f"{'; '.join(wrong)}; the frames that can be read are kept")


def _open(video: Path) -> InputContainer:
    try:
        return av.open(str(video), metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(f"not a readable video ({_message(error)})")


def _message(error: Exception) -> str:
    """The message of FFmpeg, without the path."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()


def _cover(stream: Any) -> bool:
    """Whether a stream is a single still picture, such as the cover of a song."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _length(container: InputContainer, stream: Any) -> Fraction:
    """The length in seconds that the file states for the pictures, or else for all streams; 0 if it states none."""
    if stream.duration and stream.time_base:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration or 0, av.time_base)


def _atoms(video: Path) -> list[bytes]:
    """The types of the top-level atoms of an MP4 file, in order."""
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
    """Yield the frames in display order, and None for a packet that is damaged or cannot be decoded."""
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
    with suppress(av.FFmpegError):  # frames left in the decoder when demultiplexing ended in an error
        yield from stream.decode(None)


def _upright(frame: Any) -> Image.Image:
    """Return the frame in RGB as a player shows it, rotated (by multiples of 90 degrees) and mirrored.

    Unspecified colours are read as BT.709 in HD video, and as BT.601 in others.

    The display matrix [[a, b], [c, d]] maps a point (x, y) of the stored picture, y downwards, to (ax + cy, bx + dy).
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
    """metadata.csv of the output folder; rows and columns of other origin stay as they are."""

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
        """Return the name of the folder that already holds a video's frames, or None."""
        known = self._table.loc[self._table["video"] == identity, "path"]
        return None if known.empty else Path(known.iloc[0]).parent.name

    def check(self, folder: str, identity: str) -> None:
        """Refuse to overwrite files of another origin, or to group this video's frames with another's.

        Raises:
            VideoError: the folder holds something else, or another class has a folder of this name.
        """
        out, name = self._path.parent, Path(folder).name.casefold()
        ours = self._table["video"] == identity
        if (out / folder).exists() and not (self._inside(folder) & ours).any():
            raise VideoError(f"{out / folder} exists and is not of this video; move it, or rename the video")
        for held in sorted({str(Path(path).parent) for path in self._table.loc[~ours, "path"]}):
            if Path(held).name.casefold() == name and (out / held).exists():
                raise VideoError(f"{out / held} is of another video of this name; move it, or rename this video")

    def replace(self, folder: str, rows: Sequence[dict[str, Any]]) -> None:
        """Replace the rows of a folder, and write the table sorted by path."""
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
