# make repro: build every variant and show the releases; make repro ONLY='demand-predictor ...': only these
# make test: all tests    make check: those that need no build, before each commit
# make bench: measure     make docs: the pages as a site, in site/
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro measure check test bench docs lint lock
.NOTPARALLEL:

# In a fresh clone DVC skips benchmark and register once the bytes before them are those of dvc.lock, since Git has what
# they wrote. Times are facts of a machine, so `make repro` has them of this one, once: what it has
# just measured is younger than .dvc/tmp/begun.
MEASURE = dvc repro --force --single-item --glob 'benchmark@*' 'register@*' && touch .dvc/tmp/measured
MEASURE_THE_REST = $(if $(ONLY),printf '%s\n' $(ONLY),$(NAMES)) | while read -r variant; do \
	test reports/$$variant/benchmark.json -nt .dvc/tmp/begun || echo benchmark@$$variant register@$$variant; done \
	| xargs -r dvc repro --force --single-item $(if $(ONLY),,&& touch .dvc/tmp/measured)
NAMES = .venv/bin/dvc stage list --name-only | sed -n 's/^benchmark@//p'

# What ONLY names is built one after another, and measured each time until `make repro` has measured everything.
ONLY ?=
known = $(foreach name,$(filter-out $(1),$(ONLY)),$(error ONLY: params.yaml has no variant $(name); it has $(1)))

# DVC runs one stage after another, which leaves the second core idle half of the time: so variants are built up to their
# TFLite JOBS at a time. Those that start from the weights of another come last, when that one is long ready. Each builds
# its own stages alone, since DVC locks what several share. `dvc repro` does what is left, alone: what is timed.
JOBS ?= 2
SIDE_BY_SIDE = dvc repro --quiet code && dvc stage list --name-only | awk -F@ ' \
	NF == 2 && !/^(benchmark|register)@/ { stages[$$2] = stages[$$2] " " $$0 } \
	/^(train|transfer)@/ { built[++count] = $$2 } \
	END { for (one = 1; one <= count; one++) print "dvc --wait-for-lock repro --single-item" stages[built[one]] " || exit 1" }' \
	| tr '\n' '\0' | xargs -0 -n 1 -P $(JOBS) sh -c

repro: .venv/build
	$(if $(ONLY),$(call known,$(shell $(NAMES))))
	@mkdir -p .dvc/tmp && touch .dvc/tmp/begun
	@$(if $(ONLY),,dvc status --quiet 2>/dev/null || { slipway pullable; $(SIDE_BY_SIDE); } || true)
	dvc repro $(ONLY:%=register@%)
	@test -e .dvc/tmp/measured || { $(MEASURE_THE_REST); }
	@slipway releases $(ONLY)

measure: .venv/build
	$(MEASURE)

# Format, lint, types and imports are among the tests (tests/test_graph.py).
check: .venv/dev
	pytest -m "not build"

test: .venv/dev
	pytest

bench: .venv/dev
	python benchmarks/run.py

docs: .venv/docs
	python docs/picture.py && python docs/schemas.py && python docs/metrics.py
	NO_MKDOCS_2_WARNING=1 mkdocs build

lint: .venv/dev
	ruff format --check .
	ruff check .
	mypy
	lint-imports

# The environment for a purpose: exactly what its lock pins, each file checked against its hash, then the packages of this
# repository. Several purposes share .venv, since the versions of all locks agree; dev has everything, edge no more than
# a device.
.venv/%: requirements/%.lock pyproject.toml edge/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Slipway needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable ./edge $(if $(filter edge,$*),,--editable .)
	@touch $@

# The locks, after a change of the dependencies in pyproject.toml (needs uv). Whoever develops has everything, so dev.lock
# has everything, and each of the others is held to its versions.
PIN = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-package slipway-edge --group pyproject.toml:checkout
lock:
	$(PIN) pyproject.toml --extra dev --output-file requirements/dev.lock
	$(PIN) edge/pyproject.toml --all-extras --constraint requirements/dev.lock --output-file requirements/edge.lock
	for purpose in build docs registry s3; do \
		$(PIN) pyproject.toml --constraint requirements/dev.lock --extra $$purpose \
			--output-file requirements/$$purpose.lock || exit; done
