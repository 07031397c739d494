"""Statistics are plain functions of numbers: they import NumPy and SciPy, and nothing else."""

import sys

import grimp

FRAMES = {f"slipway.statistics.{name}" for name in ("breakdowns", "intervals", "means")}
"""Intervals from draws of whole groups, of predictions in a frame, and what imports them."""


def test_statistics_import_numpy_and_scipy_only() -> None:
    graph = grimp.build_graph("slipway", include_external_packages=True, cache_dir=None)
    for module in graph.find_children("slipway.statistics") - FRAMES:
        imported = graph.find_modules_directly_imported_by(module)
        outside = {one.partition(".")[0] for one in imported} - sys.stdlib_module_names
        assert outside <= {"numpy", "scipy", "slipway"}, module
        inside = {one for one in imported if one.startswith("slipway")}
        assert inside <= graph.find_children("slipway.statistics") - FRAMES, module
