"""What is too large, on a real server: bodies, pictures, sounds, rows, levels of JSON; and other kinds of content."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import orjson
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.guarded import LIMITS, Server, answer_on, request, serving
from slipway.core.errors import ConfigError
from slipway.serving.limits import Limits, check_depth, check_files, check_pixels, check_rows, check_sound
from slipway.serving.problems import Problem

PREDICT = "/api/v1/predict/a"
UPLOAD = "/api/v1/models/a/versions/v1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='[]{}"\\,:a\u00e9', max_size=8),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\', max_size=4), one, max_size=3),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


def picture(width: int, height: int) -> bytes:
    """A PNG of one colour, whose file is small whatever its size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9) if width * height < 10**8 else b""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def sound(seconds: float, form: str, channels: int = 1, rate: int = 8000) -> bytes:
    out = BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, (round(seconds * rate), channels))
    soundfile.write(out, noise, rate, format=form)
    return out.getvalue()


def m4a(seconds: float, rate: int = 8000) -> bytes:
    """Noise in AAC."""
    out = BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, (1, round(seconds * rate))).astype(np.float32)
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(noise, "fltp", "mono")
        frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(piece))
    return out.getvalue()


def nested(levels: int) -> bytes:
    return b'{"a":[' * (levels // 2) + b"[" * (levels % 2) + b"]" * (levels % 2) + b"]}" * (levels // 2)


def depth(value: object) -> int:
    """The levels of a JSON value, computed from the value."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_may_be_as_large_as_the_limit_and_no_larger(server: Server, chunked: bool) -> None:
    for body, status in ((LIMITS.body, 200), (LIMITS.body + 1, 413)):
        answer = server.ask(
            "POST", PREDICT, bytes(body), server.secrets["predict"], chunked, content_type="application/octet-stream"
        )
        assert answer.status == status
    assert "200,000 bytes are allowed" in answer.problem["detail"]


def test_a_body_that_states_its_size_is_refused_before_it_is_sent(server: Server) -> None:
    head, _ = request("POST", PREDICT, b"[]", server.secrets["predict"])
    answer = server.send(head.replace(b"content-length: 2", b"content-length: 99999999999"))
    assert answer.status == 413
    assert "99,999,999,999 bytes" in answer.problem["detail"]


def test_a_client_that_asks_before_it_sends_is_refused_without_a_body(server: Server) -> None:
    head, _ = request("POST", PREDICT, bytes(LIMITS.body + 1), server.secrets["predict"], expect="100-continue")
    assert server.send(head).status == 413


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_goes_on_sending_reads_the_answer_and_then_has_to_stop(server: Server, chunked: bool) -> None:
    with server.connect() as connection:
        head, *_ = request(
            "POST",
            PREDICT,
            bytes(10**9) if not chunked else b"[",
            server.secrets["predict"],
            chunked,
            content_type="image/png",
        )
        connection.sendall(head)
        piece = b"%x\r\n%s\r\n" % (65536, bytes(65536)) if chunked else bytes(65536)
        for _ in range(8):
            connection.sendall(piece)
        assert answer_on(connection).status == 413
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            for _ in range(100_000):
                connection.sendall(piece)


def test_the_connection_goes_on_after_a_body_that_was_refused(server: Server) -> None:
    with server.connect() as connection:
        for piece in request("POST", PREDICT, bytes(LIMITS.body + 1), server.secrets["predict"]):
            connection.sendall(piece)
        assert answer_on(connection).status == 413
        connection.sendall(b"".join(request("POST", PREDICT, b"[]", server.secrets["predict"])))
        assert answer_on(connection).status == 200


def test_a_release_may_be_larger_than_a_request(server: Server) -> None:
    size = LIMITS.body + 1
    answer = server.ask("POST", UPLOAD, bytes(size), server.secrets["promote"], content_type="application/octet-stream")
    assert answer.status == 404, "there is no such route here, but it was let through"
    size = LIMITS.upload + 1
    answer = server.ask("POST", UPLOAD, bytes(size), server.secrets["promote"], content_type="application/octet-stream")
    assert answer.status == 413


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        (PREDICT, "application/json", 200),
        (PREDICT, "Application/JSON; charset=utf-8", 200),
        (PREDICT, "application/vnd.rows+json", 200),
        (PREDICT, "audio/flac", 200),
        (PREDICT, "", 200),
        (PREDICT, "application/x-www-form-urlencoded", 415),
        (PREDICT, "text/html", 415),
        (PREDICT, "image", 415),
        (PREDICT, "application/x-python-pickle", 415),
        ("/api/v1/outcomes", "application/json", 202),
        ("/api/v1/outcomes", "text/plain", 415),
        ("/api/v1/outcomes", "", 415),
        ("/api/v1/outcomes", "\u00ff\u00fe", 415),
    ],
)
def test_a_path_takes_the_kinds_of_content_that_it_knows(server: Server, path: str, kind: str, status: int) -> None:
    answer = server.ask("POST", path, b"[]", server.secrets["admin"], content_type=kind)
    assert answer.status == status
    if status == 415:
        assert "set Content-Type to application/json" in answer.problem["detail"]
        assert "application/json" in answer.headers["accept"]


def test_a_compressed_body_is_refused(server: Server) -> None:
    answer = server.ask("POST", PREDICT, b"[]", server.secrets["predict"], content_encoding="gzip")
    assert answer.status == 415
    assert answer.headers["accept-encoding"] == "identity"


def test_a_picture_that_would_unfold_to_gigabytes_is_refused_by_its_header(server: Server) -> None:
    for width, height in ((30_000, 30_000), (1001, 1000), (2**31 - 1, 1), (60_000, 60_000)):
        bomb = picture(width, height)
        assert len(bomb) < LIMITS.body
        answer = server.ask("POST", PREDICT, bomb, server.secrets["predict"], content_type="image/png")
        assert answer.status == 413
        assert "1,000,000 pixels" in answer.problem["detail"]
    fits = picture(1000, 1000)
    assert server.ask("POST", PREDICT, fits, server.secrets["predict"], content_type="image/png").status == 200


def test_a_picture_is_not_decoded_to_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("it was decoded"))
    out = BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(out, "JPEG")
    check_pixels(out.getvalue(), LIMITS)
    with pytest.raises(Problem, match="413 Too large: 64 x 64 pixels"):
        check_pixels(out.getvalue(), replace(LIMITS, pixels=64 * 64 - 1))


@given(st.binary(max_size=60))
def test_what_is_no_picture_and_no_sound_is_left_to_the_decoder(content: bytes) -> None:
    check_pixels(content, LIMITS)
    check_sound(content, LIMITS)
    check_pixels(b"\x89PNG\r\n\x1a\n" + content, LIMITS)
    check_sound(b"RIFF\0\0\0\0WAVE" + content, LIMITS)
    check_sound(b"fLaC" + content, LIMITS)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3", "M4A"])
def test_a_sound_is_as_long_as_its_packets(form: str) -> None:
    short, long = (m4a(one) if form == "M4A" else sound(one, form) for one in (1.7, 2.5))
    check_sound(short, LIMITS)
    with pytest.raises(Problem, match="more than 2 s"):
        check_sound(long, LIMITS)


def test_a_sound_on_the_wire_is_refused_by_its_length(server: Server) -> None:
    for seconds, status in ((1.5, 200), (3, 413)):
        content = sound(seconds, "FLAC")
        answer = server.ask("POST", PREDICT, content, server.secrets["predict"], content_type="audio/flac")
        assert answer.status == status


def test_a_length_that_a_file_states_too_small_does_not_help_it() -> None:
    flac = bytearray(sound(3, "FLAC"))
    flac[21:26] = bytes([flac[21] & 0xF0, 0, 0, 0, 1])  # the number of samples in its first block
    wav = bytearray(sound(3, "WAV"))
    wav[40:44] = struct.pack("<I", 2**32 - 1)
    aac = bytearray(m4a(3))
    at = aac.index(b"stts") + 8  # the durations of its packets: their number, and pairs of a count and a duration
    for entry in range(int.from_bytes(aac[at : at + 4])):
        aac[at + 8 + 8 * entry : at + 12 + 8 * entry] = (1).to_bytes(4)
    for lying in (flac, wav, aac):
        with pytest.raises(Problem, match="more than 2 s"):
            check_sound(bytes(lying), LIMITS)


def test_many_channels_count_as_samples() -> None:
    eight = sound(1, "FLAC", channels=8, rate=48_000)
    check_sound(eight, replace(LIMITS, samples=400_000))
    with pytest.raises(Problem, match=r"more than 300,000 samples over all channels"):
        check_sound(eight, replace(LIMITS, samples=300_000))


def test_rows_and_files_are_counted(server: Server) -> None:
    for rows, status in ((LIMITS.rows, 200), (LIMITS.rows + 1, 413)):
        body = orjson.dumps([{"a": 1}] * rows)
        assert server.ask("POST", PREDICT, body, server.secrets["predict"]).status == status
    check_rows(LIMITS.rows, LIMITS)
    check_files(LIMITS.files, LIMITS)
    with pytest.raises(Problem, match="65 files, and one request may have 64"):
        check_files(65, LIMITS)


@pytest.mark.parametrize("path", [PREDICT, "/api/v1/outcomes"])
@pytest.mark.parametrize("levels", [33, 1024, 1025, 40_000])
def test_json_that_is_nested_too_deep_is_refused_before_it_is_parsed(server: Server, path: str, levels: int) -> None:
    answer = server.ask("POST", path, nested(levels), server.secrets["admin"])
    assert answer.status == 413
    assert f"JSON nested {levels:,} levels deep, and 32 are allowed" in answer.problem["detail"]


def test_json_with_as_many_levels_as_are_allowed_is_read(server: Server) -> None:
    assert server.ask("POST", PREDICT, nested(32), server.secrets["predict"]).status == 200


def test_an_opening_that_never_closes_is_too_deep_as_well() -> None:
    with pytest.raises(Problem, match="413"):
        check_depth(b"[" * 100_000, LIMITS)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16", "utf-32"])
def test_another_encoding_hides_no_levels(server: Server, encoding: str) -> None:
    hidden = '["\u2200",' + "[" * 100 + "]" * 100 + "]"  # one byte of the sign is that of a quotation mark
    answer = server.ask("POST", "/api/v1/outcomes", hidden.encode(encoding), server.secrets["outcome"])
    assert answer.status == 422
    assert "send JSON in UTF-8" in answer.problem["detail"]


@given(JSON, st.integers(1, 6))
def test_the_depth_of_text_is_the_depth_of_its_values(value: object, levels: int) -> None:
    content = orjson.dumps(value)
    limits = replace(LIMITS, depth=levels)
    if depth(value) > levels:
        with pytest.raises(Problem, match=f"nested {depth(value)} levels"):
            check_depth(content, limits)
    else:
        check_depth(content, limits)


@given(st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b'a":', b"1", b","]), max_size=60))
def test_what_a_parser_reads_is_never_deeper_than_what_was_let_through(parts: list[bytes]) -> None:
    content = b"".join(parts)
    limits = replace(LIMITS, depth=3)
    try:
        check_depth(content, limits)
    except Problem:
        return
    with suppress(orjson.JSONDecodeError):
        assert depth(orjson.loads(content)) <= 3


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_limit_is_a_positive_number(value: float) -> None:
    with pytest.raises(ConfigError, match="the limit seconds is"):
        Limits(seconds=value)
