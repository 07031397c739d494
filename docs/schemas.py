"""Write the JSON Schemas of what the stages write for Git, in docs/schemas/.

    python docs/schemas.py

A test holds that they are those of the code.
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
    """The schema of a form, as its file has it."""
    return json.dumps(FORMS[name].model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them all."""
    for name in FORMS:
        atomic.write_text(FOLDER / f"{name}.schema.json", written(name))


if __name__ == "__main__":
    main()
