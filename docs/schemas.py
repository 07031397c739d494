"""Write the JSON Schemas of the records that stages write for Git to docs/schemas/.

    python docs/schemas.py

A test checks that they agree with the code.
"""

import json
from pathlib import Path

from pydantic import BaseModel

from slipway.core import atomic
from slipway.records.benchmark import Benchmark
from slipway.records.release import Record

FOLDER = Path(__file__).with_name("schemas")
FORMS: dict[str, type[BaseModel]] = {"release": Record, "benchmark": Benchmark}


def written(name: str) -> str:
    """The text of the schema file of a record."""
    return json.dumps(FORMS[name].model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all schemas."""
    for name in FORMS:
        atomic.write_text(FOLDER / f"{name}.schema.json", written(name))


if __name__ == "__main__":
    main()
