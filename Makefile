# make demo      the whole workflow on the embedded corpus; prints the metrics and the report's path
# make test      the tests; those on a real SLURM of three nodes, started for them, where Debian's slurm-wlm is there
# make test-slurm   only those
# make test-all  the tests, with the slow proofs: 200 kills, 300 sequences of changes, every row of docs/reruns.md trained
# make lint      ruff, snakefmt, mypy, snakemake --lint
# make profile   links the profiles, so that `snakemake --profile slurm` works from any folder
# make lock      resolve the dependency groups of pyproject.toml into requirements.lock

PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
OTHER_PYTHON = Remedy: install Python 3.11 or newer, then: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)

.PHONY: demo test test-all test-slurm lint profile lock
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/snakemake --cores $(CORES)

# four processes on two cores: tests/conftest.py says who does what
test: .venv/installed
	$(BIN)/pytest -n 4 --no-loadscope-reorder tests/slurm tests/workflow tests/unit

test-all: export COVERSIM_KILLS = 200
test-all: export COVERSIM_SEQUENCES = 300
test-all: export COVERSIM_RUN_ROWS = all
test-all: test

test-slurm: .venv/installed
	$(BIN)/pytest tests/slurm

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

profile: .venv/installed
	@folder=$$($(BIN)/python -c 'from platformdirs import user_config_dir; print(user_config_dir("snakemake"))'); \
	mkdir -p "$$folder"; \
	for name in slurm local; do \
	  if [ -e "$$folder/$$name" ] || [ -L "$$folder/$$name" ]; then echo "kept $$folder/$$name, which was there"; \
	  else ln -s "$(CURDIR)/profiles/$$name" "$$folder/$$name" && echo "linked $$folder/$$name"; fi; \
	done

.venv/installed: requirements.lock
	@command -v $(PYTHON) >/dev/null || \
	  { echo "error: $(PYTHON): no such program. $(OTHER_PYTHON)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11. $(OTHER_PYTHON)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "error: no virtual environment. Remedy: apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock || \
	  { echo "error: the packages were not installed. Remedy: mend what pip says above (is there a network?)," \
	    "then say again: make $(MAKECMDGOALS)"; exit 1; }
	@touch $@

# PyTorch's version is pinned, not its build: elsewhere the same version comes with CUDA
lock:
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/pip install --quiet --upgrade pip
	.venv-lock/bin/pip install --quiet --group workflow --group test --group lint
	.venv-lock/bin/pip freeze | sed 's/^\(torch==[0-9.]*\)+.*/\1/' > requirements.lock
	rm -rf .venv-lock
