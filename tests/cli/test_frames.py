"""`slipway frames`: from real-world videos to pictures that the prepare stage accepts."""

import json
import re
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from slipway.cli.app import app
from slipway.cli.frames import interval
from slipway.core.errors import ConfigError
from slipway.data.readers import folders
from slipway_edge.pictures import recognise

RATE, WIDTH, HEIGHT = 25, 64, 48
EVEN = [Fraction(number, RATE) for number in range(4 * RATE)]


def video(path: Path, times: list[Fraction] = EVEN, *, turned: int = 0, keys: int = 250, **options: str) -> Path:
    """Write a video whose frame number n has the grey value 2n and a white corner at the top left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"crf": "10", "g": str(keys)}
        if turned:
            stream.set_display_rotation(turned)
        for number, time in enumerate(times):
            pixels = np.full((HEIGHT, WIDTH, 3), min(2 * number, 200), np.uint8)
            pixels[:16, :16] = 255
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = int(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def run(*arguments: object, code: int = 0) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, ["frames", *map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    values: list[dict[str, object]] = json.loads(result.stdout)
    return values


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_one_frame_per_interval_is_named_by_video_and_time(tmp_path: Path) -> None:
    clip, out = video(tmp_path / "Spot 1, Käse.mp4"), tmp_path / "out"
    (result,) = run(clip, "--every", "1s", "--out", out)
    assert (result["frames"], result["seconds"], result["error"]) == (4, 3.0, None)
    name = "Spot 1, Käse"
    assert sorted(path.name for path in (out / name).iterdir()) == [f"{name}_{n:05}.000.jpg" for n in range(4)]
    greys = [int(np.asarray(Image.open(path).convert("L"))[40, 40]) for path in sorted((out / name).iterdir())]
    assert greys == pytest.approx([0, 50, 100, 150], abs=3), "each is the frame shown at its time"


def test_metadata_groups_the_frames_of_a_video_for_prepare(tmp_path: Path) -> None:
    one, two, out = video(tmp_path / "one.mp4"), video(tmp_path / "two.mp4", EVEN[:50]), tmp_path / "raw"
    run(one, "--every", "500ms", "--out", out, "--label", "ad")
    run(two, "--every", "0.5", "--out", out, "--label", "content")
    table = pd.read_csv(out / "metadata.csv")
    assert table.columns.tolist() == ["path", "label", "group", "time", "width", "height", "video"]
    assert table["path"].iloc[1] == "ad/one/one_00000.520.jpg"
    assert set(table["width"]) == {WIDTH} and set(table["height"]) == {HEIGHT}
    index = folders.index(out, folders.class_folders(out, None), recognise, None, "pictures")
    assert not index.problems
    assert index.examples.groupby(["label", "group"]).size().to_dict() == {("ad", "one"): 8, ("content", "two"): 4}


def test_frames_by_class_form_a_folder_that_slipway_new_accepts(repository: Path, tmp_path: Path) -> None:
    """As in the guide: one call per class, then `slipway new` on the folder."""
    for number, label in enumerate(["ad", "content"] * 3):
        clip = video(tmp_path / f"{number}.mp4", EVEN[: 76 + number])
        run(clip, "--every", "1s", "--out", "data/raw/spots", "--label", label)
    arguments = ["new", "spots", "--task", "image_classification", "--data", "data/raw/spots", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    created = json.loads(result.stdout)
    assert created["classes"] == {name: {"examples": 12, "groups": 3} for name in ("ad", "content")}
    assert created["grouped"]


def test_frames_sorted_by_hand_are_grouped_by_their_names(tmp_path: Path) -> None:
    """With the guide's regular expression, on frames moved into class folders without their metadata.csv."""
    out, moved = tmp_path / "unsorted", tmp_path / "sorted"
    run(video(tmp_path / "a_1.mp4"), video(tmp_path / "b.mp4", EVEN[:75]), "--every", "1s", "--out", out)
    for position, path in enumerate(sorted(out.rglob("*.jpg"))):
        (moved / ("ad", "content")[position % 2]).mkdir(parents=True, exist_ok=True)
        shutil.move(path, moved / ("ad", "content")[position % 2])
    index = folders.index(moved, ("ad", "content"), recognise, re.compile("([^/]+)_[0-9.]+$"), "pictures")
    assert index.examples["group"].value_counts().to_dict() == {"a_1": 4, "b": 3}


def test_a_variable_frame_rate_is_sampled_by_presentation_time(tmp_path: Path) -> None:
    times = [Fraction(t).limit_denominator(1000) for t in (0, 0.04, 0.9, 1.02, 1.1, 4.5, 4.6, 5.2)]
    out = tmp_path / "out"
    run(video(tmp_path / "vfr.mkv", times), "--every", "1s", "--out", out)
    names = sorted(path.stem.split("_")[1] for path in (out / "vfr").iterdir())
    assert names == ["00000.000", "00001.020", "00004.500", "00005.200"]


@pytest.mark.parametrize(("turned", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_a_rotated_video_gives_upright_frames(tmp_path: Path, turned: int, corner: tuple[int, int]) -> None:
    """Rotated anticlockwise: the white corner moves from top left to bottom left, and so on."""
    out = tmp_path / "out"
    run(video(tmp_path / "phone.mp4", EVEN[:5], turned=turned), "--every", "1s", "--out", out)
    pixels = np.asarray(Image.open(next((out / "phone").iterdir())).convert("L"))
    assert pixels.shape == ((WIDTH, HEIGHT) if turned in (90, -90) else (HEIGHT, WIDTH))
    white = {(y, x) for y in (0, -1) for x in (0, -1) if pixels[y, x] > 200}
    assert white == {corner}


def test_bad_videos_are_reported_and_the_others_are_extracted(tmp_path: Path) -> None:
    good = video(tmp_path / "good.mp4")
    whole = video(tmp_path / "whole.mp4", EVEN * 1, movflags="faststart")
    cut, headless = tmp_path / "cut.mp4", tmp_path / "headless.mp4"
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 2 // 3])
    headless.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "letter.mp4").write_text("Dear reader, this is no video.\n" * 50)
    with av.open(str(tmp_path / "song.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    (tmp_path / "foreign.mp4").write_bytes(whole.read_bytes().replace(b"avc1", b"zzzz"))
    names = ["foreign.mp4", "empty.mp4", "letter.mp4", "cut.mp4", "headless.mp4", "song.m4a", "absent.mp4", "good.mp4"]
    out = tmp_path / "out"
    results = run(*(tmp_path / name for name in names), "--every", "1s", "--out", out, code=3)
    errors = {Path(str(one["video"])).name: one["error"] for one in results}
    assert errors["empty.mp4"] == "an empty file"
    assert str(errors["letter.mp4"]).startswith("not a readable video")
    assert str(errors["headless.mp4"]).startswith("not a readable video")
    assert errors["song.m4a"] == "no video stream; the file holds audio"
    assert errors["foreign.mp4"] == "no decoder for its codec"
    assert errors["absent.mp4"] == "no such file"
    assert "of 4.0 s" in str(errors["cut.mp4"]) or "damaged" in str(errors["cut.mp4"])
    assert errors["good.mp4"] is None
    assert results[3]["frames"] == len(list((out / "cut").iterdir())) > 0, "readable frames are kept"
    assert len(list((out / "good").iterdir())) == 4
    assert set(pd.read_csv(out / "metadata.csv")["group"]) == {"cut", "good"}
    assert not list(out.rglob(".*"))


@pytest.mark.parametrize("label", ["", " ", ".", "..", "/", "/ad", "ad/", "ad/spot", "../ad", ".ad"])
def test_a_label_that_is_not_a_folder_name_is_refused(tmp_path: Path, label: str) -> None:
    clip = video(tmp_path / "clip.mp4", EVEN[:5])
    arguments = ["frames", str(clip), "--every", "1s", "--out", str(tmp_path / "out"), "--label", label]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and "cannot be a class" in result.output
    assert not (tmp_path / "out").exists()


def test_running_again_gives_the_same_bytes_and_another_interval_replaces_the_frames(tmp_path: Path) -> None:
    clip, out = video(tmp_path / "clip.mp4"), tmp_path / "out"
    run(clip, "--every", "1s", "--out", out)
    before = tree(out)
    (out / ".clip.tmp").mkdir()
    (out / ".clip.tmp" / "half.jpg").touch()
    run(clip, "--every", "1s", "--out", out)
    assert tree(out) == before, "and files left by a killed run are gone"
    run(clip, "--every", "2s", "--out", out)
    assert len(pd.read_csv(out / "metadata.csv")) == len(list((out / "clip").iterdir())) == 2


def test_videos_of_one_name_do_not_collide(tmp_path: Path) -> None:
    one, two = video(tmp_path / "monday/clip.mp4"), video(tmp_path / "tuesday/clip.mp4", EVEN[:60])
    out = tmp_path / "out"
    run(one, two, "--every", "1s", "--out", out)
    assert {path.name for path in out.iterdir()} == {"monday-clip", "tuesday-clip", "metadata.csv"}
    before = tree(out)
    run(one, "--every", "1s", "--out", out)
    assert tree(out) == before, "a video that was extracted before keeps its name"

    three = video(tmp_path / "wednesday/clip.mp4", EVEN[:30])
    later = tmp_path / "later"
    run(one, "--every", "1s", "--out", later)
    (result,) = run(three, "--every", "1s", "--out", later, code=3)
    assert "exists and is not of this video" in str(result["error"])
    (result,) = run(three, "--every", "1s", "--out", later, "--label", "ad", code=3)
    assert "is of another video of this name" in str(result["error"]), "one group would hold two videos"


def test_a_copy_of_a_video_is_reported_and_not_extracted_twice(tmp_path: Path) -> None:
    clip = video(tmp_path / "clip.mp4")
    copy = Path(shutil.copy(clip, tmp_path / "copy.mp4"))
    results = run(clip, copy, "--every", "1s", "--out", tmp_path / "out", code=3)
    assert results[1]["error"] == f"the same bytes as {clip}, whose frames exist already"


def test_rows_and_columns_of_the_user_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "ad").mkdir(parents=True)
    (out / "metadata.csv").write_text("path,group,camera\nad/mine.jpg,studio,left\n")
    run(video(tmp_path / "clip.mp4"), "--every", "2s", "--out", out, "--label", "ad")
    table = pd.read_csv(out / "metadata.csv", dtype=str, keep_default_na=False)
    assert table.loc[table["path"] == "ad/mine.jpg", ["group", "camera"]].to_numpy().tolist() == [["studio", "left"]]
    assert len(table) == 3


def test_a_problem_is_shown_in_the_table(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    result = CliRunner().invoke(app, ["frames", str(tmp_path / "empty.mp4"), "--every", "1s", "--out", str(tmp_path)])
    assert result.exit_code == 3
    assert "an empty file" in result.output


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("500ms", Fraction(1, 2)), ("2.5s", Fraction(5, 2)), ("0.5", Fraction(1, 2)), ("1min", 60)],
)
def test_an_interval_is_parsed_exactly(text: str, seconds: Fraction) -> None:
    assert interval(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "0s", "-1s", "1h", "1e3", "0.0001s", "nan"])
def test_a_text_that_is_not_an_interval_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an interval"):
        interval(text)


def test_frames_without_times_are_counted_by_the_frame_rate(tmp_path: Path) -> None:
    """A bare H.264 stream has no container, so no presentation times."""
    out = tmp_path / "out"
    (result,) = run(video(tmp_path / "bare.h264"), "--every", "1s", "--out", out)
    assert result["error"] is None
    assert sorted(path.stem.split("_")[1] for path in (out / "bare").iterdir()) == [f"{n:05}.000" for n in range(4)]


def test_a_truncated_recording_with_sound_is_reported(tmp_path: Path) -> None:
    """Matroska states one length for sound and pictures together."""
    whole = tmp_path / "whole.mkv"
    with av.open(str(whole), "w") as container:
        pictures, sound = container.add_stream("libx264", rate=RATE), container.add_stream("aac", rate=8000)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        noise = np.random.default_rng(0).integers(0, 256, (100, HEIGHT, WIDTH, 3), np.uint8)
        for number, pixels in enumerate(noise):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            if number % RATE == 0:
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
                silence.sample_rate = 8000
                container.mux(sound.encode(silence))
        for stream in (pictures, sound):
            container.mux(stream.encode(None))
    (result,) = run(whole, "--every", "1s", "--out", tmp_path / "out")
    assert (result["frames"], result["error"]) == (4, None)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    (result,) = run(cut, "--every", "1s", "--out", tmp_path / "out", code=3)
    assert "ends after 2." in str(result["error"])
    assert result["frames"] == 3


def test_damage_within_a_video_is_reported_and_skipped(tmp_path: Path) -> None:
    whole = video(tmp_path / "whole.ts", keys=10)
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 1200] = bytes(np.random.default_rng(0).integers(0, 256, 1200, np.uint8))
    (tmp_path / "damaged.ts").write_bytes(content)
    (result,) = run(tmp_path / "damaged.ts", "--every", "200ms", "--out", tmp_path / "out", code=3)
    assert "damaged in 1 places" in str(result["error"])
    kept = sorted(float(path.stem.split("_")[1]) for path in (tmp_path / "out" / "damaged").iterdir())
    assert kept[0] == 0 and kept[-1] >= 3.4 and max(np.diff(kept)) > 0.3, "up to the next key frame none is taken"


def broadcast(path: Path, seconds: int, start: float = 0, level: int = 0) -> bytes:
    """Write a transport stream as in a TV recording, with a clock that starts at `start` seconds."""
    with av.open(str(path), "w", format="mpegts", options={"output_ts_offset": str(start)}) as container:
        stream = container.add_stream("mpeg2video", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 12
        for number in range(seconds * RATE):
            pixels = np.full((HEIGHT, WIDTH, 3), (level + number // RATE * 5) % 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize(
    "starts", [(0, 0), (0, 0, 0), (90_000, 10), (10, 90_000), (0, 5), (95_441.7, 0)], ids=lambda starts: str(starts)
)
def test_recordings_that_were_joined_follow_one_another(tmp_path: Path, starts: tuple[float, ...]) -> None:
    parts = [broadcast(tmp_path / "part.ts", 6, start, 30 * number) for number, start in enumerate(starts)]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    (result,) = run(tmp_path / "joined.ts", "--every", "1s", "--out", tmp_path / "out", code=3)
    assert str(result["error"]).startswith(f"damaged in {len(starts) - 1} places"), "the packet where they meet"
    assert result["frames"] == 6 * len(starts)
    assert result["seconds"] == pytest.approx(6 * len(starts) - 1, abs=0.1)
    shown = [np.asarray(Image.open(path)).mean() for path in sorted((tmp_path / "out" / "joined").iterdir())]
    assert shown == sorted(shown), "in the order of the recordings, none left out"


@pytest.mark.parametrize(("suffix", "code", "frames"), [("mp4", 3, 4), ("mkv", 0, 8), ("avi", 0, 8)])
def test_joined_files_of_other_formats_are_read_or_reported(
    tmp_path: Path, suffix: str, code: int, frames: int
) -> None:
    part = video(tmp_path / f"part.{suffix}").read_bytes()
    (tmp_path / f"joined.{suffix}").write_bytes(part * 2)
    (result,) = run(tmp_path / f"joined.{suffix}", "--every", "1s", "--out", tmp_path / "out", code=code)
    assert result["frames"] == frames
    assert ("2 recordings in one file" in str(result["error"])) == (code == 3)


def test_a_clock_that_wraps_around_within_a_recording_loses_no_frame(tmp_path: Path) -> None:
    broadcast(tmp_path / "wrap.ts", 12, 95_437.7)
    (result,) = run(tmp_path / "wrap.ts", "--every", "1s", "--out", tmp_path / "out")
    assert (result["frames"], result["seconds"], result["error"]) == (12, 11.0, None)


@pytest.mark.parametrize(
    ("size", "space", "named"),
    [
        ((1280, 720), 1, False),
        ((720, 1280), 1, False),
        ((1280, 544), 1, False),
        ((640, 360), 5, False),
        ((1280, 720), 1, True),
        ((640, 360), 1, True),
    ],
)
def test_an_unspecified_colour_space_is_chosen_by_the_size(
    tmp_path: Path, size: tuple[int, int], space: int, named: bool
) -> None:
    green = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), (0, 200, 0), np.uint8), "rgb24")
    coded = green.reformat(format="yuv420p", dst_colorspace=space, dst_color_range="MPEG")
    with av.open(str(tmp_path / "green.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": "1"}
        if named:
            stream.codec_context.colorspace = 1
        else:
            coded.colorspace = 2
        for _ in range(3):
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
    run(tmp_path / "green.mp4", "--every", "1s", "--out", tmp_path / "out")
    pixel = np.asarray(Image.open(next((tmp_path / "out" / "green").iterdir())))[8, 8]
    np.testing.assert_allclose(pixel, (0, 200, 0), atol=4)


@settings(max_examples=25)
@given(data=st.data(), name=st.sampled_from(["a.mp4", "a.ts", "a.mkv"]))
def test_a_changed_video_gives_frames_or_a_reason(data: st.DataObject, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        content = bytearray(broadcast(path, 2) if name == "a.ts" else video(path, EVEN[:50]).read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.one_of(st.integers(0, 64), st.integers(0, len(content))))
            some = data.draw(st.binary(min_size=1, max_size=300))
            match data.draw(st.sampled_from(["set", "cut", "insert", "repeat"])):
                case "set":
                    content[at : at + len(some)] = some
                case "cut":
                    del content[at:]
                case "insert":
                    content[at:at] = some
                case "repeat":
                    content += content[at:]
        path.write_bytes(content)
        result = CliRunner().invoke(app, ["frames", str(path), "--every", "1s", "--out", f"{folder}/out", "--json"])
        assert result.exit_code in (0, 3), result.output
        (extracted,) = json.loads(result.stdout)
        assert (extracted["error"] is None) == (result.exit_code == 0)
        assert extracted["frames"] >= 1 or extracted["error"]
