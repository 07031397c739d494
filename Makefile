# make repro: build all variants and show the releases; make repro ONLY='demand-predictor ...': only these variants
# make test: run all tests         make check: run the tests that build nothing, before each commit
# make bench: run the benchmarks   make docs: build the site of the pages, in site/
# make soak: an hour of mixed traffic against a server, to see that it does not grow; make soak MINUTES=2: a trial
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro measure check test bench soak docs lint lock
.NOTPARALLEL:

# In a fresh clone DVC skips benchmark and register if their inputs are those of dvc.lock, since their outputs are in
# Git. But times depend on the machine, so `make repro` measures each variant once on this machine: a benchmark.json
# that is newer than .dvc/tmp/begun has just been measured.
MEASURE = dvc repro --force --single-item --glob 'benchmark@*' 'register@*' && touch .dvc/tmp/measured
MEASURE_THE_REST = $(if $(ONLY),printf '%s\n' $(ONLY),$(NAMES)) | while read -r variant; do \
	test reports/$$variant/benchmark.json -nt .dvc/tmp/begun || echo benchmark@$$variant register@$$variant; done \
	| xargs -r dvc repro --force --single-item $(if $(ONLY),,&& touch .dvc/tmp/measured)
NAMES = .venv/bin/dvc stage list --name-only | sed -n 's/^benchmark@//p'

# Variants in ONLY are built one after another. They are measured each time, until `make repro` has measured all
# variants.
ONLY ?=
known = $(foreach name,$(filter-out $(1),$(ONLY)),$(error ONLY: params.yaml has no variant $(name); it has $(1)))

# DVC runs one stage at a time, and a network trains on one thread. So JOBS variants are built in parallel, up to their
# TFLite: one for each core, at most four, since each needs up to 2 GB of memory. Variants that start from the weights of
# another come last, when those weights are ready. Each job builds only the stages of its variant, since DVC locks shared
# stages. `dvc repro` then runs the remaining stages, which are timed, one at a time.
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 4 ? n : 4)))
SIDE_BY_SIDE = dvc repro --quiet code && dvc stage list --name-only | awk -F@ ' \
	NF == 2 && !/^(baseline|benchmark|register)@/ { stages[$$2] = stages[$$2] " " $$0 } \
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

# The tests include format, lint, types and imports (tests/test_graph.py).
check: .venv/dev
	pytest -m "not build"

test: .venv/dev
	@tests/install_browser
	@tests/install_prometheus
	pytest

bench: .venv/dev
	python benchmarks/run.py

MINUTES ?= 60
soak: .venv/dev
	python benchmarks/soak.py --minutes $(MINUTES)

docs: .venv/docs
	python docs/picture.py && python docs/schemas.py && python docs/metrics.py
	NO_MKDOCS_2_WARNING=1 mkdocs build

lint: .venv/dev
	ruff format --check .
	ruff check .
	mypy
	lint-imports

# The environment for a purpose: exactly the packages of its lock, each file checked against its hash, and then the
# packages of this repository. All purposes can share .venv, since the versions of all locks agree; dev has everything,
# edge only the packages of a device.
.venv/%: requirements/%.lock pyproject.toml edge/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Slipway needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable ./edge $(if $(filter edge,$*),,--editable .)
	$(if $(filter build dev,$*),.venv/bin/python docs/vega.py)
	@touch $@

# Write the locks after a change of the dependencies in pyproject.toml (needs uv). dev.lock has all packages, and the
# other locks use its versions.
PIN = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-package slipway-edge --group pyproject.toml:checkout
lock:
	$(PIN) pyproject.toml --extra dev --output-file requirements/dev.lock
	$(PIN) edge/pyproject.toml --all-extras --constraint requirements/dev.lock --output-file requirements/edge.lock
	for purpose in build client docs postgresql registry s3 serve; do \
		$(PIN) pyproject.toml --constraint requirements/dev.lock --extra $$purpose \
			--output-file requirements/$$purpose.lock || exit; done
