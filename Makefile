# demo, test, lint and docs; the environment in .venv is made when it is missing and renewed when its inputs change.
# Everything else is a `protein-enn` command or a Snakemake rule.
.PHONY: demo test lint docs
export PATH := $(CURDIR)/.venv/bin:$(PATH)

demo: .venv/.installed
	snakemake -c2 --quiet rules --show-failed-logs
	@echo "The report is $(CURDIR)/results/report.html: open it in a browser."

# Two files at a time, each with a thread: fixtures of a file are made once. Compiled Python is kept, as tests start it often.
test: export PYTHONDONTWRITEBYTECODE :=
test: export OMP_NUM_THREADS := 1
test: export MKL_NUM_THREADS := 1
test: .venv/.installed
	pytest -q -n $${PYTEST_WORKERS:-2} --dist loadfile --no-loadscope-reorder

lint: .venv/.installed
	ruff check .
	mypy

docs: .venv/.installed
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "The documentation is $(CURDIR)/site/index.html: open it in a browser."

# torch goes first and alone: where a CPU-only build is on offer it is taken, and the second line keeps it.
.venv/.installed: pyproject.toml constraints.txt $(wildcard protein_enn/*/*.c protein_enn/*/*/*.c)
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[esm,test,lint,workflow,docs]"
	touch $@
