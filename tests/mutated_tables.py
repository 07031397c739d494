"""Table files with random damage."""

import csv
import gzip
import io
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

STRAY = b',";\n\r\0\t\xff\xef\xbb\xbf 0-eZ'
MUTATED = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutated(draw: st.DrawFn, original: bytes) -> bytes:
    """Draw a mutation of the bytes: one to three times flip, insert or delete a byte, cut the end, or repeat a part."""
    changed = bytearray(original)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(changed) - 1))
        match draw(st.sampled_from(["flip", "insert", "leave out", "cut", "repeat"])):
            case "flip":
                changed[place] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                changed[place:place] = bytes([draw(st.sampled_from(STRAY))])
            case "leave out":
                del changed[place]
            case "cut":
                del changed[max(place, 1) :]
            case "repeat":
                changed[place:place] = changed[place : place + draw(st.integers(1, 200))]
    return bytes(changed)


def records(path: Path) -> list[list[str]]:
    """Return the header and the rows of a CSV file, without blank lines."""
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode("utf-8-sig")
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row and (len(row) > 1 or row[0].strip(" \t"))]
