"""Draw docs/picture.svg, an overview of Slipway on one page: `python docs/picture.py`.

The stages are those of dvc.yaml, in the same order. The picture has its own background and follows the reader's light
or dark mode, so that it is readable on any page; it uses only the reader's fonts.
"""

from pathlib import Path

import yaml
from markupsafe import Markup

ROOT = Path(__file__).resolve().parents[1]
WRITES = {
    "compose": ("parameters,", "checked"),
    "simulate": ("raw data,", "or your own"),
    "prepare": ("checked,", "split, packed"),
    "train": ("Keras or", "CatBoost"),
    "evaluate": ("scores with", "intervals"),
    "convert-tflite": ("INT8 or float,", "loss measured"),
    "benchmark": ("latency,", "memory, size"),
    "register": ("release record,", "model card"),
}
"""The output of each stage, in two lines."""
LEFT_OUT = ("transfer", "baseline")
"""`transfer` replaces train if a variant starts from another's weights; `baseline` is for variants that ask for it."""
VERDICTS = (
    ("pass", 0.62, 0.90, ("the whole 95 % interval", "is above the floor")),
    ("hold", 0.34, 0.66, ("it straddles the floor:", "more data is needed")),
    ("fail", 0.10, 0.38, ("the whole interval", "is below it")),
)
"""A score's interval with the floor at 0.5, and its meaning in two lines."""
TAGS = (
    ("version", "demand-predictor@v1.1.0", "slipway register"),
    ("in production", "demand-predictor#production#3", "slipway promote"),
    ("rolled back", "demand-predictor#production#4", "slipway rollback"),
)
TITLE = "The stages that DVC runs, the gate's three verdicts, and the Git tags that record what is in production"
WIDTH, HEIGHT, GAP = 960, 376, 14
STYLE = """
  svg { color-scheme: light dark; font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
  text { fill: #1f2328; font-size: 13px }
  .head { font-weight: 600; font-size: 15px } .name { font-weight: 600; font-size: 12.5px }
  .quiet { fill: #59636e; font-size: 12px }
  .code { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px }
  .page { fill: #fff; stroke: #d1d9e0 } .box { fill: #f0f7f6; stroke: #8fbfb7 } .line { stroke: #8c959f }
  .pass { fill: #1a7f37; stroke: #1a7f37 }
  .hold { fill: #9a6700; stroke: #9a6700 }
  .fail { fill: #cf222e; stroke: #cf222e }
  text.pass, text.hold, text.fail { stroke: none; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 }
    .page { fill: #0d1117; stroke: #3d444d } .box { fill: #122422; stroke: #2f6f66 } .line { stroke: #656c76 }
    .pass { fill: #3fb950; stroke: #3fb950 }
    .hold { fill: #d29922; stroke: #d29922 }
    .fail { fill: #f85149; stroke: #f85149 }
  }
"""
_SVG = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    'role="img" aria-labelledby="title">\n<title id="title">{title}</title>\n<style>{style}</style>\n'
    '<rect x="1" y="1" width="{inner[0]}" height="{inner[1]}" rx="10" class="page"/>\n{}\n</svg>\n'
)
_TEXT = Markup('<text x="{:g}" y="{:g}" text-anchor="{}" class="{}">{}</text>')
_BOX = Markup('<rect x="{:g}" y="{:g}" width="{:g}" height="{:g}" rx="7" class="box"/>')
_ARROW = Markup('<path d="M{:g} {:g}H{:g}m-5 -4l5 4l-5 4" fill="none" class="line"/>')
_FLOOR = Markup('<path d="M{:g} {:g}V{:g}" stroke-dasharray="4 3" class="line"/>')
_INTERVAL = Markup('<path d="M{:g} {y:g}H{:g}" stroke-width="3" class="{kind}"/>')
_POINT = Markup('<circle cx="{:g}" cy="{:g}" r="5" class="{}"/>')


def picture() -> str:
    """The drawing as SVG."""
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    of_a_model = [name for name, stage in graph.items() if "foreach" in stage and name not in LEFT_OUT]
    parts = [*_stages(of_a_model), *_gate(176), *_registry(176)]
    return _SVG.format(
        Markup("\n").join(parts),
        inner=(WIDTH - 2, HEIGHT - 2),
        title=TITLE,
        style=Markup(STYLE),
        width=WIDTH,
        height=HEIGHT,
    )


def _stages(names: list[str]) -> list[Markup]:
    """A row of boxes, one for each stage, with its output."""
    width = (WIDTH - 48 - GAP * (len(names) - 1)) / len(names)
    parts = [
        _text(24, 38, "DVC runs these stages for each model and reproduces them bit for bit from a commit", "head")
    ]
    for number, name in enumerate(names):
        left = 24 + (width + GAP) * number
        middle = left + width / 2
        parts.append(_BOX.format(left, 58, width, 78))
        parts.append(_text(middle, 82, name, "name", "middle"))
        parts += [_text(middle, 104 + 17 * row, line, "quiet", "middle") for row, line in enumerate(WRITES[name])]
        if number:
            parts.append(_ARROW.format(left - GAP + 1, 97, left - 2))
    return parts


def _gate(top: float) -> list[Markup]:
    """Three intervals and a floor, with the meaning of each."""
    left, right, floor = 74, 254, 164
    parts = [_text(24, top, "The gate judges the model that ships", "head")]
    parts += [_text(floor, top + 30, "floor", "quiet", "middle"), _FLOOR.format(floor, top + 38, top + 176)]
    for row, (verdict, low, high, why) in enumerate(VERDICTS):
        y = top + 62 + 46 * row
        ends = [left + (right - left) * end for end in (low, high)]
        parts += [_text(24, y + 4, verdict, verdict), _INTERVAL.format(*ends, y=y, kind=verdict)]
        parts.append(_POINT.format(sum(ends) / 2, y, verdict))
        parts += [_text(270, y - 4 + 17 * line, words, "quiet") for line, words in enumerate(why)]
    return parts


def _registry(top: float) -> list[Markup]:
    """The tags of a version that goes to production and is rolled back, each with the command that writes it."""
    left = 484
    parts = [_text(left, top, "Git tags record what is in production", "head")]
    for row, (what, tag, command) in enumerate(TAGS):
        y = top + 62 + 46 * row
        parts.append(_BOX.format(left + 102, y - 16, 234, 32))
        parts += [_text(left, y + 4, what, "name"), _text(left + 114, y + 4, tag, "code")]
        parts.append(_text(left + 348, y + 4, command, "quiet"))
    return parts


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> Markup:
    return _TEXT.format(x, y, anchor, kind, text)


if __name__ == "__main__":
    (ROOT / "docs/picture.svg").write_text(picture())
