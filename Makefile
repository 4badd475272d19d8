# One word for each purpose. Needs only Python >= 3.11 with venv.
# PYTHON: the Python to use; FAST=no omits what needs a compiler; ARGS goes to pytest: make test ARGS=tests/unit; JOBS: how many run in parallel
# SEEDS and SEED: how many runs of the simulation, and the first seed; PLANT plants a bug: make sim SEEDS=300 SEED=1
# PROFILE, SECONDS, USERS and KILL: the load: make loadtest PROFILE=all KILL=shard; URL and ACCOUNTS: of another exchange
# ONLY: one safety to remove: make safeties ONLY=one_statement; the files to mutate: make mutation ONLY=shards/engine/market
# COUNT: how much of the others: make model COUNT=5000000 EXAMPLES=20000; linear, disk, mailbox, backup, slow, schemathesis, mutation
# N: how many mutated requests: make fuzz N=200000 SEED=1
# SECONDS: how long: make overload SECONDS=60 FACTOR=10, of each overload; make soak SECONDS=3600
# STRICT=1 makes crash, fuzz and overload fail where a time goal is missed: on an otherwise idle machine
# ROUNDS: rounds of all kinds of faults; ONLY: which kinds: make crash ROUNDS=20 SEED=1 ONLY=shard,worker

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
CODE := web shards storage $(if $(wildcard loadtest/*.py),loadtest)

unexport PYTHONDONTWRITEBYTECODE  # tests start a thousand processes: each would compile everything again

JOBS ?= 2
SEEDS ?= 300
SEED ?= 1
N ?= 200000
PROFILE ?= steady
USERS ?= 40
FACTOR ?= 10
ROUNDS ?= 1

.PHONY: run quick test nightly mutation sim crash fuzz model linear disk mailbox backup slow schemathesis safeties overload soak loadtest bench check lint types imports lock clean

run: $(VENV)/.runtime $(VENV)/.fast
	@exec $(BIN)/python -m web.cli.run

PYTEST := $(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder

quick: lint types imports $(VENV)/.dev
	$(PYTEST) --quick --numprocesses=3 $(ARGS)

test: lint types imports $(VENV)/.dev
	$(PYTEST) $(ARGS)

# Takes more than an hour; prints its seed, and SEED=... repeats it
nightly: $(VENV)/.nightly
	$(BIN)/python -m tests.nightly --seed $(if $(filter file,$(origin SEED)),$(shell date +%Y%m%d),$(SEED))

sim: $(VENV)/.dev
	$(BIN)/python -m tests.sim --seeds $(SEEDS) --seed $(SEED) --jobs $(JOBS) $(if $(PLANT),--plant $(PLANT))

crash: $(VENV)/.dev
	$(BIN)/python -m tests.crash --rounds $(ROUNDS) --seed $(SEED) $(if $(ONLY),--only $(ONLY)) $(if $(STRICT),--strict)

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --count $(N) --seed $(SEED) $(if $(STRICT),--strict)

# How fast everything is, compared with alternatives: make bench ARGS="--only http --quick"; or HTTP alone, compared with
# another checkout of Shardex: make bench BESIDE=../before
bench: $(VENV)/.dev
	$(BIN)/python -m loadtest.bench$(if $(BESIDE),.builds $(BESIDE)) $(ARGS)

loadtest: $(VENV)/.dev
	$(BIN)/python -m loadtest run --profile $(PROFILE) --seconds $(or $(SECONDS),20) --users $(USERS) \
	  $(if $(KILL),--kill $(KILL)) $(if $(URL),--url $(URL)) $(if $(ACCOUNTS),--accounts $(ACCOUNTS))

overload: $(VENV)/.dev
	$(BIN)/python -m tests.overload --seconds $(or $(SECONDS),60) --factor $(FACTOR) --seed $(SEED) \
	  $(if $(STRICT),--strict)

soak: $(VENV)/.dev
	$(BIN)/python -m tests.overload.soak --seconds $(or $(SECONDS),3600) --seed $(SEED)

# More of what CI does a little of, without time limits: COUNT and SEED
LONG := $(BIN)/python -m pytest -p no:timeout -W ignore::pytest.PytestConfigWarning \
  -W ignore::pytest.PytestUnknownMarkWarning -o addopts=--import-mode=importlib -ra

model: $(VENV)/.dev
	SHARDEX_TEST_SEED=$(SEED) SHARDEX_TEST_COMMANDS=$(or $(COUNT),5000000) \
	  SHARDEX_TEST_FUTURES_COMMANDS=$(or $(COUNT),5000000) SHARDEX_TEST_EXAMPLES=$(or $(EXAMPLES),20000) \
	  SHARDEX_TEST_STEPS=$(or $(STEPS),200) $(LONG) tests/model

linear: $(VENV)/.dev
	SHARDEX_TEST_SEED=$(SEED) SHARDEX_LINEAR_HISTORIES=$(or $(COUNT),100) $(LONG) tests/linear

disk: $(VENV)/.dev
	SHARDEX_TEST_SEED=$(SEED) SHARDEX_TEST_CUTS=$(or $(COUNT),5000) SHARDEX_CRASH_ROUNDS=$(or $(ROUNDS),1) $(LONG) \
	  tests/crash/test_disk.py tests/crash/test_damage.py tests/unit/test_journal.py tests/unit/test_snapshot.py \
	  tests/unit/test_recovery.py tests/unit/archive/test_damage.py

mailbox: $(VENV)/.dev
	SHARDEX_TEST_SEED=$(SEED) SHARDEX_CRASH_ROUNDS=$(or $(COUNT),20) $(LONG) tests/crash/test_full_mailbox.py \
	  tests/crash/test_standstill.py

# Backups under load, each restored and compared with what was acknowledged: make backup COUNT=50
backup: $(VENV)/.dev
	SHARDEX_TEST_SEED=$(SEED) SHARDEX_TEST_BACKUPS=$(or $(COUNT),50) $(LONG) tests/crash/test_backup.py

slow: $(VENV)/.dev
	SHARDEX_TEST_SEED=$(SEED) SHARDEX_SLOW_SECONDS=$(or $(COUNT),600) $(LONG) tests/fuzz/test_sockets.py

schemathesis: $(VENV)/.dev
	SCHEMATHESIS_EXAMPLES=$(or $(COUNT),100) $(LONG) --hypothesis-seed=$(SEED) \
	  tests/fuzz/test_schemathesis.py

# COUNT mutants of the state machines and the storage, chosen by SEED; prints those that no test notices
mutation: $(VENV)/.nightly
	$(BIN)/python -m tests.mutation --count $(or $(COUNT),200) --seed $(SEED) --jobs $(JOBS) $(if $(ONLY),--only $(ONLY))

safeties: $(VENV)/.dev
	$(BIN)/python -m tests.safeties $(if $(ONLY),--only $(ONLY))

check: lint types imports

lint: $(VENV)/.dev
	$(BIN)/ruff check $(CODE) tests
	$(BIN)/ruff format --check $(CODE) tests

types: $(VENV)/.dev
	$(BIN)/mypy $(CODE) tests/conftest.py tests/exchange.py

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

# The environment, made again only when its requirements have changed

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Shardex needs Python 3.11 or newer, and $(PYTHON) is not: try make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment (Debian: apt install python3-venv)" >&2; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements.txt requirements-fast.txt pyproject.toml $(VENV)/.made
	@echo "installing requirements.txt ..."
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# What only makes it faster: retried each time until it is installed, as a compiler or a network may have been added

CAN_BUILD := import os, shutil, sys, sysconfig as s; \
  cc = (os.environ.get("CC") or s.get_config_var("CC") or "cc").split()[0]; \
  sys.exit(not (shutil.which(cc) and os.path.exists(s.get_path("include") + "/Python.h")))
SLOWER := HTTP parsing is slower until then

ifeq ($(wildcard $(VENV)/lib/python*/site-packages/gunicorn_h1c),)
.PHONY: $(VENV)/.fast
endif

$(VENV)/.fast: requirements-fast.txt $(VENV)/.runtime
	@if [ "$(FAST)" = no ]; then exit 0; fi; \
	if ! $(BIN)/python -c '$(CAN_BUILD)'; then \
	  echo "requirements-fast.txt needs a C compiler (Debian: apt install gcc python3-dev): $(SLOWER)"; \
	elif $(PIP) --no-build-isolation --require-hashes -r requirements-fast.txt > $(VENV)/fast.log 2>&1; then \
	  touch $@; \
	elif grep -q "metadata-generation-failed\|Failed building\|Failed to build\|error: command" $(VENV)/fast.log; then \
	  echo "requirements-fast.txt could not be compiled, see $(VENV)/fast.log: $(SLOWER)"; \
	else \
	  echo "requirements-fast.txt could not be fetched (is there a network? see $(VENV)/fast.log): $(SLOWER)"; \
	fi

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime | $(VENV)/.fast
	@echo "installing requirements-dev.txt ..."
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.nightly: requirements-nightly.txt $(VENV)/.dev
	@echo "installing requirements-nightly.txt ..."
	@$(PIP) --require-hashes -r requirements-nightly.txt
	@touch $@

# Update the locked dependencies: needs uv on the PATH. One lock serves every system and Python version

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --upgrade

lock:
	$(LOCK) pyproject.toml --group build --output-file requirements.txt
	$(LOCK) --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(LOCK) --group nightly --constraint requirements-dev.txt --output-file requirements-nightly.txt

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
