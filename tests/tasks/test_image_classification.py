import os
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin, features
from sklearn import metrics as reference

from repeated import assert_weights_repeat
from slipway.core.errors import DataError
from slipway.core.protocol import Task as Protocol
from slipway.data.readers.pictures import difference_hash
from slipway.tasks.image_classification import Data, Task
from slipway_edge.pictures import PictureError, _chunks, encode_picture, picture_size

SPEC = {
    "objective": "multiclass",
    "input": {"shape": [16, 24, 3], "dtype": "uint8"},
    "outputs": ["ad", "content"],
    "classes": ["ad", "content"],
}


def task(**data: object) -> Task:
    return Task(Data(**{"height": 16, "width": 24, **data}))


def picture(seed: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A smooth random picture, which JPEG hardly changes."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def file_of(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two classes of three pictures each, some in folders below."""
    for label in ("ad", "content"):
        for number, name in enumerate(["v1/a.jpg", "v1/b.jpg", "v2/a.jpg"]):
            path = tmp_path / label / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file_of(picture(number + 10 * (label == "ad"))))
    return tmp_path


def test_it_is_a_task() -> None:
    checked: Protocol = task()
    assert set(checked.headline) <= checked.metrics.keys()


def test_examples_are_the_pictures_below_the_class_folders_by_name(raw: Path) -> None:
    index = task().index(raw)
    assert index.examples["example"].tolist() == [
        f"{label}/{name}" for label in ("ad", "content") for name in ("v1/a.jpg", "v1/b.jpg", "v2/a.jpg")
    ]
    assert index.examples["label"].tolist() == ["ad"] * 3 + ["content"] * 3
    assert index.examples["group"].tolist() == index.examples["example"].tolist()
    assert index.problems == []


def test_the_group_expression_reads_the_path_within_the_class_folder_without_suffix(raw: Path) -> None:
    assert task(group="^(v[0-9]+)/").index(raw).examples["group"].tolist() == ["v1", "v1", "v2"] * 2
    assert task(group="(.)$").index(raw).examples["group"].tolist() == ["a", "b", "a"] * 2


def test_a_picture_whose_name_the_group_expression_does_not_match_is_a_problem(raw: Path) -> None:
    index = task(group="(v1)").index(raw)
    assert [(p.where, p.kind) for p in index.problems] == [
        ("ad/v2/a.jpg", "no group"),
        ("content/v2/a.jpg", "no group"),
    ]
    with pytest.raises(DataError, match="matches none of the pictures"):
        task(group="(take)").index(raw)


@pytest.mark.parametrize("bad", [{"group": "("}, {"group": "a"}, {"classes": ["ad"]}, {"classes": ["a", "a"]}])
def test_an_invalid_section_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"group|expression|classes"):
        task(**bad)


def test_metadata_gives_groups_splits_and_folds(raw: Path) -> None:
    names = task().index(raw).examples["example"].tolist()
    table = pd.DataFrame({"path": names, "group": ["m1", "m1", "", "m2", "m2", "m3"], "fold": [1, 1, 2, 1, 2, 3]})
    table["split"] = ["train", "train", "val", "test", "test", "train"]
    table["label"] = ["ad"] * 3 + ["content"] * 3
    table["colour"] = "not read"
    table.sample(frac=1, random_state=1).to_csv(raw / "metadata.csv", index=False)
    index = task().index(raw)
    assert index.problems == []
    assert index.examples["group"].tolist() == ["m1", "m1", "ad/v2/a.jpg", "m2", "m2", "m3"]
    assert index.examples["fold"].tolist() == [1, 1, 2, 1, 2, 3]
    assert index.examples["split"].tolist() == table["split"].tolist()
    assert "colour" not in index.examples


def test_mistakes_in_metadata_are_counted_by_kind(raw: Path) -> None:
    (raw / "metadata.csv").write_text(
        "path,label,split\n"
        "ad/v1/a.jpg,ad,train\nad/v1/a.jpg,ad,train\nad/v1/b.jpg,content,train\nad/v9/a.jpg,ad,val\n"
        "content/v1/a.jpg,content,later\ncontent/v1/b.jpg,content,test\n"
    )
    index = task().index(raw)
    assert index.examples["example"].tolist() == ["ad/v1/a.jpg", "content/v1/b.jpg"]
    assert {problem.where: problem.kind for problem in index.problems} == {
        "ad/v1/b.jpg": "label disagrees",
        "ad/v2/a.jpg": "not listed",
        "ad/v9/a.jpg": "missing file",
        "content/v1/a.jpg": "unknown split",
        "content/v2/a.jpg": "not listed",
        "metadata.csv, row 3": "listed twice",
    }


def test_metadata_without_paths_is_refused(raw: Path) -> None:
    (raw / "metadata.csv").write_text("file,label\nad/v1/a.jpg,ad\n")
    with pytest.raises(DataError, match="no column path; found file, label"):
        task().index(raw)


def test_metadata_finds_folders_whose_names_begin_or_end_with_a_space(raw: Path) -> None:
    (raw / "ad").rename(raw / " ad ")
    names = task().index(raw).examples["example"].tolist()
    table = pd.DataFrame({"path": names, "label": [name.split("/")[0] for name in names]})
    table.to_csv(raw / "metadata.csv", index=False, lineterminator="\r\n")
    index = task().index(raw)
    assert index.problems == [] and index.examples["example"].tolist() == names


def test_names_that_are_not_utf8_are_problems(raw: Path) -> None:
    content = (raw / "ad/v1/a.jpg").read_bytes()
    for name in (b"ad/k\xe4se.jpg", b"ad/caf\xe9/a.jpg", b"l\xf6se.jpg"):
        path = raw / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    index = task().index(raw)
    assert [(problem.where, problem.kind) for problem in index.problems] == [
        (r"ad/caf\xe9/a.jpg", "name is not UTF-8"),
        (r"ad/k\xe4se.jpg", "name is not UTF-8"),
        (r"l\xf6se.jpg", "not in a class folder"),
    ]
    assert len(index.examples) == 6
    (raw / "ad").rename(raw / os.fsdecode(b"w\xe9rbung"))
    with pytest.raises(DataError, match=r"folders whose names are not UTF-8: w\\xe9rbung; rename"):
        task().index(raw)


def test_files_of_operating_systems_are_skipped_and_counted(raw: Path) -> None:
    content = (raw / "ad/v1/a.jpg").read_bytes()
    for name in ("ad/@eaDir/a.jpg/SYNO.jpg", "__MACOSX/ad/._a.jpg", "ad/._a.jpg", ".thumbnails/x.jpg", "ad/thumbs.DB"):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(content)
    index = task().index(raw)
    assert len(index.examples) == 6
    assert index.problems == []
    assert index.notes == [
        "5 files that operating systems leave behind were ignored: 1 of '._*', 1 of '.thumbnails', 1 of '@eaDir', "
        "1 of '__MACOSX', 1 of 'thumbs.DB'"
    ]


@pytest.mark.parametrize("names", [("yes", "no"), ("0", "01", "1e3"), ("NA", "null", "None"), ("True", "nan", "~")])
def test_class_names_are_kept_unchanged(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(file_of(picture(), "PNG"))
    rows = "".join(f"{name}/a.png,{name},{name}\n" for name in names)
    (tmp_path / "metadata.csv").write_text(f"path,label,group\n{rows}")
    index = task().index(tmp_path)
    assert index.problems == []
    assert index.examples["label"].tolist() == index.examples["group"].tolist() == sorted(names)
    assert task().specify(tmp_path, index.examples)["classes"] == sorted(names)
    assert task(classes=names).specify(tmp_path, index.examples)["classes"] == list(names)
    with pytest.raises(ValueError, match="Input should be a valid string"):
        task(classes=[False, "yes"])


def test_a_group_column_is_reported_as_not_read_if_data_group_is_given(raw: Path) -> None:
    names = task().index(raw).examples["example"]
    pd.DataFrame({"path": names, "group": "m"}).to_csv(raw / "metadata.csv", index=False)
    assert task(group="^(v[0-9]+)").index(raw).notes == [
        "metadata.csv: the column group is not read, since data.group groups the pictures"
    ]


def test_linked_folders_are_problems_and_a_linked_class_is_refused(raw: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (raw / "ad/v1").rename(elsewhere / "v1")
    (raw / "ad/v1").symlink_to(elsewhere / "v1")
    index = task().index(raw)
    assert [(problem.where, problem.kind) for problem in index.problems] == [("ad/v1", "linked folder")]
    assert len(index.examples) == 4
    (raw / "content").rename(elsewhere / "content")
    (raw / "content").symlink_to(elsewhere / "content")
    with pytest.raises(DataError, match=r"the first is content \(linked folder\)"):
        task().index(raw)


def test_files_that_are_not_pictures_are_problems_except_files_of_operating_systems(raw: Path) -> None:
    (raw / "ad/empty.jpg").write_bytes(b"")
    (raw / "ad/notes.jpg").write_text("not a picture at all")
    (raw / "readme.txt").write_text("hello")
    for litter in (".DS_Store", "content/Thumbs.db", "content/.hidden.jpg"):
        (raw / litter).write_bytes(b"")
    index = task().index(raw)
    assert [(p.where, p.kind) for p in index.problems] == [
        ("ad/empty.jpg", "empty file"),
        ("ad/notes.jpg", "not a picture"),
        ("readme.txt", "not in a class folder"),
    ]
    assert len(index.examples) == 6


def test_folders_and_classes_must_agree(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(DataError, match="no folder for promo"):
        task(classes=["ad", "content", "promo"]).index(raw)
    (raw / "other").mkdir()
    with pytest.raises(DataError, match="folders that are not classes: other; the classes are ad, content"):
        task(classes=["ad", "content"]).index(raw)
    with pytest.raises(DataError, match="class other has no pictures"):
        task().index(raw)
    (raw / "other/a.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"none of its 1 files is usable; the first is other/a.jpg \(empty file\)"):
        task().index(raw)
    with pytest.raises(DataError, match="no such folder"):
        task().index(raw / "absent")
    with pytest.raises(DataError, match="at least two"):
        task().index(tmp_path_factory.mktemp("bare"))


def test_the_order_of_classes_is_the_order_of_outputs(raw: Path) -> None:
    swapped = task(classes=["content", "ad"])
    examples = swapped.index(raw).examples
    spec = swapped.specify(raw, examples)
    assert spec == {**SPEC, "outputs": ["content", "ad"], "classes": ["content", "ad"]}
    (batch,) = swapped.encode(raw, examples, spec)
    assert batch.targets.tolist() == [1, 1, 1, 0, 0, 0]
    assert task().specify(raw, examples) == SPEC


def test_damaged_pictures_are_problems_and_the_others_keep_their_rows(raw: Path) -> None:
    content = (raw / "ad/v1/b.jpg").read_bytes()
    (raw / "ad/v1/b.jpg").write_bytes(content[: len(content) // 2])
    (raw / "content/v1/a.jpg").write_bytes(b"\xff\xd8\xff and then nothing")
    examples = task().index(raw).examples
    (batch,) = task().encode(raw, examples, SPEC)
    assert batch.rows.tolist() == [0, 2, 4, 5]
    assert batch.targets.tolist() == [0, 0, 1, 1]
    assert [(p.where, p.kind) for p in batch.problems] == [
        ("ad/v1/b.jpg", "truncated"),
        ("content/v1/a.jpg", "damaged"),
    ]
    assert batch.problems == next(task().encode(raw, examples, SPEC)).problems
    assert batch.hashes is not None
    for position, row in enumerate(batch.rows):
        alone = encode_picture(raw / examples["example"][row], 16, 24)
        assert (batch.inputs[position] == alone).all()
        assert batch.hashes[position] == difference_hash(alone)


def test_many_pictures_come_in_order_in_bounded_batches(tmp_path: Path) -> None:
    shades = np.arange(600) % 256
    for label, part in (("ad", shades[:300]), ("content", shades[300:])):
        (tmp_path / label).mkdir()
        for number, shade in enumerate(part):
            Image.new("L", (8, 8), int(shade)).save(tmp_path / label / f"{number:04d}.png")
    small = Task(Data(height=8, width=8))
    examples = small.index(tmp_path).examples
    batches = list(small.encode(tmp_path, examples, small.specify(tmp_path, examples)))
    assert [len(batch.inputs) for batch in batches] == [256, 256, 88]
    assert np.concatenate([batch.inputs[:, 0, 0, 0] for batch in batches]).tolist() == shades.tolist()
    assert np.concatenate([batch.rows for batch in batches]).tolist() == list(range(600))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_format_gives_the_same_picture(form: str, mode: str) -> None:
    original = picture().convert(mode)
    encoded = encode_picture(file_of(original, form), 30, 40)
    assert encoded.shape == (30, 40, 3)
    assert encoded.dtype == np.uint8
    assert np.abs(encoded.astype(int) - np.asarray(original.convert("RGB"))).mean() < 6


def test_modes_that_are_not_rgb_look_as_they_should() -> None:
    assert encode_picture(file_of(Image.new("CMYK", (9, 9), (0, 255, 255, 0))), 8, 8)[4, 4].tolist() == [255, 0, 0]
    sixteen = Image.fromarray(np.full((9, 9), 40000, np.uint16))
    assert encode_picture(file_of(sixteen, "PNG"), 8, 8)[4, 4].tolist() == [156, 156, 156]
    clear = Image.new("RGBA", (9, 9), (255, 0, 0, 0))
    assert encode_picture(file_of(clear, "PNG"), 8, 8)[4, 4].tolist() == [255, 255, 255]
    palette = Image.new("RGB", (9, 9), (10, 200, 30)).quantize(4)
    assert encode_picture(file_of(palette, "PNG"), 8, 8)[4, 4].tolist() == [10, 200, 30]
    assert encode_picture(file_of(Image.new("1", (9, 9), 1), "PNG"), 8, 8).min() == 255


def png(samples: np.ndarray, *, sbit: int | None = None) -> bytes:
    """A PNG with 16 bits per sample [height, width, channels], stored big-endian; `sbit` is the value of sBIT."""
    height, width, channels = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    parts += [(b"sBIT", bytes([sbit] * channels))] if sbit else []
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("brightest", "sbit", "expected"),
    [(65535, None, 255), (4095, None, 255), (200, None, 200), (65520, 16, 255), (1023, 10, 255), (4095, 16, 15)],
)
def test_pictures_with_sixteen_bits_keep_the_highest_bits_in_use(
    channels: int, brightest: int, sbit: int | None, expected: int
) -> None:
    samples = np.linspace(0, brightest, 64).astype(np.uint16).reshape(8, 8, 1).repeat(channels, axis=2)
    if channels == 4:
        samples[..., 3] = 65535
    encoded = encode_picture(png(samples, sbit=sbit), 8, 8)
    assert encoded[0, 0].tolist() == [0, 0, 0]
    assert encoded[7, 7].tolist() == [expected] * 3
    assert abs(int(encoded[4, 4, 0]) - expected * 36 / 63) <= 1


@pytest.mark.parametrize("after", [False, True])
def test_texts_of_any_size_in_a_png_do_not_matter(after: bool) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * 3_000_000, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "y" * 3_000_000)
    content = file_of(picture(), "PNG", pnginfo=info)
    if after:  # behind the pixels, where Pillow reads texts when it decodes
        chunks = dict(_chunks(content))
        kinds = [kind for kind in chunks if kind not in (b"iTXt", b"zTXt", b"IEND")]
        content = content[:8] + b"".join(chunks[kind] for kind in [*kinds, b"zTXt", b"iTXt", b"IEND"])
    assert (encode_picture(content, 30, 40) == np.asarray(picture())).all()
    assert picture_size(content) == (30, 40)


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "AVIF"])
def test_a_format_that_is_not_read_is_named(form: str) -> None:
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow does not write AVIF")
    with pytest.raises(PictureError, match=f"not a picture: {form} is not supported: save it as JPEG, PNG or WebP"):
        encode_picture(file_of(picture(), form), 8, 8)


def test_the_first_picture_of_an_animation_is_read() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for form in ("WEBP", "PNG"):
        options = {"lossless": True} if form == "WEBP" else {}
        content = file_of(frames[0], form, save_all=True, append_images=frames[1:], **options)
        assert encode_picture(content, 8, 8)[4, 4].tolist() == [255, 0, 0]


def test_transparent_pixels_of_grey_and_palette_pictures_become_white() -> None:
    for image in (Image.new("LA", (9, 9), (0, 0)), Image.new("P", (9, 9), 0)):
        content = file_of(image, "PNG", **({"transparency": 0} if image.mode == "P" else {}))
        assert encode_picture(content, 8, 8).min() == 255


def test_a_decompression_bomb_is_listed() -> None:
    header = bytearray(png(np.zeros((1, 1, 1), np.uint16)))
    header[16:24] = struct.pack(">II", 60_000, 60_000)
    header[29:33] = struct.pack(">I", zlib.crc32(bytes(header[12:29])))
    for use in (lambda: encode_picture(bytes(header), 8, 8), lambda: picture_size(bytes(header))):
        with pytest.raises(PictureError, match="too large"):
            use()


SMALL = picture(1, (24, 18))
CORPUS = {
    "jpeg": file_of(SMALL),
    "progressive": file_of(SMALL, progressive=True),
    "cmyk": file_of(SMALL.convert("CMYK")),
    "png": file_of(SMALL, "PNG"),
    "palette": file_of(SMALL.quantize(9), "PNG"),
    "sixteen": png(np.arange(24 * 18 * 3, dtype=np.uint16).reshape(18, 24, 3)),
    "grey16": png(np.arange(24 * 18, dtype=np.uint16).reshape(18, 24, 1)),
    "webp": file_of(SMALL, "WEBP"),
    "animated": file_of(SMALL, "WEBP", save_all=True, append_images=[picture(2, (24, 18))]),
    "gif": file_of(SMALL, "GIF"),
    "bmp": file_of(SMALL, "BMP"),
    "tiff": file_of(SMALL, "TIFF"),
}


@settings(max_examples=60)
@given(
    form=st.sampled_from(sorted(CORPUS)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 6)), max_size=4),
)
def test_a_mutated_picture_is_encoded_or_listed_with_a_reason(
    form: str, changes: list[tuple[float, bytes, int]]
) -> None:
    content = CORPUS[form]
    for place, put, cut in changes:
        at = int(place * len(content))
        content = content[:at] + put + content[at + cut :]
    try:
        assert encode_picture(content, 16, 24).shape == (16, 24, 3)
    except PictureError as error:
        assert error.kind in {"empty file", "not a picture", "truncated", "damaged", "too large"}
        assert error.detail and "0x" not in error.detail


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation: int) -> None:
    upright = picture(3)
    stored_as = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what the camera did, undone by the orientation
    stored = upright.transpose(Image.Transpose(stored_as[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = encode_picture(file_of(stored, "PNG", exif=exif), 30, 40)
    assert (turned == np.asarray(upright)).all()


@settings(max_examples=60)
@given(form=st.sampled_from(["JPEG", "PNG", "WEBP"]), keep=st.floats(0, 0.9), seed=st.integers(0, 99))
def test_truncated_or_overwritten_bytes_give_a_picture_or_an_error_with_a_reason(
    form: str, keep: float, seed: int
) -> None:
    content = file_of(picture(seed), form)
    with pytest.raises(PictureError) as cut:
        encode_picture(content[: int(keep * len(content))], 16, 24)
    assert cut.value.kind in {"empty file", "not a picture", "truncated", "damaged"}
    scribbled = bytearray(content)
    rng = np.random.default_rng(seed)
    for place in rng.integers(12, len(content), 5):
        scribbled[place] = rng.integers(256)
    try:
        assert encode_picture(bytes(scribbled), 16, 24).shape == (16, 24, 3)
    except PictureError as error:
        assert error.kind in {"truncated", "damaged", "too large"}
        assert "0x" not in str(error)


def test_a_large_jpeg_is_shrunk_smoothly() -> None:
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    encoded = encode_picture(file_of(Image.fromarray(stripes), quality=95), 24, 24)
    assert encoded.std() < 8


def test_a_picture_of_every_type_is_encoded_equally(tmp_path: Path) -> None:
    content = file_of(picture(), "PNG")
    (tmp_path / "a.png").write_bytes(content)
    ways = [
        content,
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        np.asarray(picture()),
        picture(),
        picture().convert("RGBA"),
    ]
    ways.append(Image.open(BytesIO(content)))
    encoded, _ = task().preprocess(ways, SPEC)
    assert encoded.shape == (7, 16, 24, 3)
    assert (encoded == encoded[0]).all()


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16"])
def test_an_image_or_an_array_of_any_mode_is_encoded_as_its_file(mode: str) -> None:
    image = (
        Image.fromarray(np.arange(24 * 16, dtype=np.uint16).reshape(16, 24) * 9)
        if mode == "I;16"
        else picture().convert(mode)
    )
    ways: list[Any] = [file_of(image, "PNG"), image]
    ways += {"L": [np.asarray(image), np.asarray(image)[..., None]], "RGBA": [np.asarray(image)]}.get(mode, [])
    encoded, _ = task().preprocess(ways, SPEC)
    assert (encoded == encoded[0]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_opened_image_is_turned_upright_as_its_file(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = file_of(picture(), "PNG", exif=exif)
    image = Image.open(BytesIO(content))
    encoded, _ = task().preprocess([content, image, ImageOps.exif_transpose(image)], SPEC)
    assert (encoded == encoded[0]).all()
    assert picture_size(image) == picture_size(content)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"", "picture 1: empty file"),
        (b"GIF89a", "picture 1: not a picture"),
        (Path("absent.jpg"), r"picture 1 \(absent.jpg\): unreadable: No such file"),
        (np.zeros((4, 4, 2), np.uint8), r"picture 1: not a picture: an array must be .* not uint8 \[4, 4, 2\]$"),
        (np.zeros((0, 4, 3), np.uint8), r"an array must be .* not uint8 \[0, 4, 3\]$"),
        (np.zeros((3, 8, 9), np.uint8), r"not uint8 \[3, 8, 9\]; its channels come first: use array.transpose"),
        (np.full((8, 9, 3), 0.5), r"not float64 \[8, 9, 3\]; its values are from 0 to 1: use \(255 \* array\)"),
        (np.full((8, 9, 3), 127), r"not int64 \[8, 9, 3\]$"),
        (Image.new("F", (4, 4)), "picture 1: not a picture: a PIL image of mode F has no range; convert it to RGB"),
        (Image.open(BytesIO(file_of(picture(size=(400, 300)))[:-400])), "picture 1: truncated"),
        (7, "picture 1: not a picture: int; give a path, bytes, a PIL image or a uint8 array"),
    ],
)
def test_the_error_names_the_bad_picture(bad: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        task().preprocess([file_of(picture()), bad], SPEC)  # type: ignore[list-item]


def test_the_hash_stays_close_under_compression_and_differs_between_pictures() -> None:
    one, again, other = (
        difference_hash(encode_picture(content, 64, 64))
        for content in (file_of(picture(1), "PNG"), file_of(picture(1), quality=40), file_of(picture(2)))
    )
    assert (one ^ again).bit_count() <= 4
    assert (one ^ other).bit_count() > 12


def outcome(seed: int, count: int, n: int = 200) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, dict[str, object]]:
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(count), rng.integers(0, count, n - count)])
    logits = rng.normal(size=(n, count)) + 1.5 * np.eye(count)[targets]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities = probabilities.round(2 if seed % 2 else 6) + 1e-3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    spec = {**SPEC, "outputs": [f"class{number}" for number in range(count)]}
    groups = pd.DataFrame({"group": [f"g{number % 20:02d}" for number in range(n)]})
    return groups, targets, probabilities.astype(np.float32), spec


UNGROUPED = pd.DataFrame({"group": []})


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 4))
def test_scores_agree_with_scikit_learn(seed: int, count: int) -> None:
    examples, targets, predictions, spec = outcome(seed, count)
    weight = np.random.default_rng(seed).integers(0, 3, len(targets)).astype(float)
    weight[:count] = 1
    scores = task().scores(examples, targets, predictions, spec).total(weight)
    assert scores.keys() == Task.metrics.keys()
    chosen = predictions.argmax(axis=1)
    exact = predictions.astype(float)
    exact /= exact.sum(axis=1, keepdims=True)
    mean = {"average": "binary", "pos_label": 0} if count == 2 else {"average": "macro"}
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        targets, chosen, sample_weight=weight, zero_division=0, **mean
    )
    areas = [
        reference.roc_auc_score(targets == one, predictions[:, one], sample_weight=weight)
        for one in ([0] if count == 2 else range(count))
    ]
    wanted = {
        "accuracy": reference.accuracy_score(targets, chosen, sample_weight=weight),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": np.mean(areas),
        "log_loss": reference.log_loss(targets, exact, sample_weight=weight),
    }
    assert {name: scores[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 3))
def test_a_weight_counts_an_example_that_often(seed: int, count: int) -> None:
    examples, targets, predictions, spec = outcome(seed, count)
    times = np.random.default_rng(seed).integers(0, 4, len(targets))
    repeated = np.repeat(np.arange(len(targets)), times)
    weighted = task().scores(examples, targets, predictions, spec).total(times)
    plain = task().scores(examples.iloc[repeated], targets[repeated], predictions[repeated], spec).total()
    assert weighted == pytest.approx(plain, abs=1e-9, nan_ok=True)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    predictions = np.array([[0.9, 0.1]] * 10, np.float32)
    targets = np.array([0] * 7 + [1] * 3)
    assert task().scores(UNGROUPED, targets, predictions, SPEC).total()["ece"] == pytest.approx(0.2)


def test_metrics_of_a_class_that_a_resample_lacks_are_nan() -> None:
    examples, targets, predictions, spec = outcome(1, 2)
    scores = task().scores(examples, targets, predictions, spec).total((targets == 1).astype(float))
    assert np.isnan([scores["roc_auc"], scores["recall"], scores["f1"]]).all()
    assert scores["accuracy"] > 0.5
    nothing = task().scores(examples, targets, predictions, spec).total(np.zeros(len(targets)))
    assert np.isnan(list(nothing.values())).all()


def test_a_model_that_never_predicts_the_positive_class_has_no_precision() -> None:
    scores = task().scores(UNGROUPED, np.array([0, 1, 1]), np.array([[0.1, 0.9]] * 3), SPEC).total()
    assert (scores["precision"], scores["recall"], scores["f1"]) == (0, 0, 0)
    assert scores["roc_auc"] == 0.5


def test_tables_break_the_score_down_by_class_and_group() -> None:
    examples, targets, predictions, spec = outcome(5, 3)
    tables = task().scores(examples, targets, predictions, spec).breakdowns()
    by_class, by_group = tables["per_class"], tables["per_group"]
    assert by_class["class"].tolist() == spec["outputs"]
    assert by_class["support"].sum() == by_group["n"].sum() == len(targets)
    overall = (predictions.argmax(axis=1) == targets).mean()
    assert (by_group["accuracy"] * by_group["n"]).sum() / len(targets) == pytest.approx(overall)
    assert by_group["group"].tolist() == sorted(set(examples["group"]))


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_counts_an_example_that_often_in_the_tables(seed: int) -> None:
    examples, targets, predictions, spec = outcome(seed, 3)
    times = np.random.default_rng(seed).integers(0, 3, len(targets))
    times[targets == 1] = 0
    rows = np.repeat(np.arange(len(targets)), times)
    assert_weights_repeat(
        task().scores(examples, targets, predictions, spec).breakdowns(),
        task().scores(examples, targets, predictions, spec).breakdowns(times.astype(float)),
        task().scores(examples.iloc[rows], targets[rows], predictions[rows], spec).breakdowns(),
    )


@pytest.mark.parametrize("count", [2, 3])
def test_plots_hold_the_columns_that_they_draw(count: int) -> None:
    examples, targets, predictions, spec = outcome(6, count)
    plots = {plot.name: plot for plot in task().scores(examples, targets, predictions, spec).plots()}
    assert set(plots) == {"confusion", "precision_recall", "roc", "reliability"} | ({"scores"} if count == 2 else set())
    for plot in plots.values():
        drawn = [plot.y] if isinstance(plot.y, str) else list(plot.y)
        assert drawn
        assert {plot.x, *drawn} <= set(plot.table.columns)
    assert len(plots["confusion"].table) == len(targets)
    curve = plots["roc"].table[plots["roc"].y[0]]
    assert curve.is_monotonic_increasing
    assert curve.iloc[-1] == 1
    area = np.trapezoid(curve, plots["roc"].table["false_positive_rate"])
    positive, scores = targets == 0, predictions[:, 0]
    assert area == pytest.approx(reference.roc_auc_score(positive, scores), abs=0.02)
