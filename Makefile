# Needs make and Python 3.11 or newer, nothing else. `make help` lists the targets.

PYTHON ?= python3
SEED ?= 0
WORKERS ?= logical
RUN = .venv/bin/python
COMPONENTS = sam_adapter mask_rcnn resnet point_predictor

.PHONY: help demo demo-baseline demo-induction test lint clean

help:
	@echo "make demo    train the four components on synthetic films, evaluate two pipelines, segment two films"
	@echo "make test    run the tests"
	@echo "make lint    check style, types and the walls between the layers"
	@echo "make clean   remove build products and caches; runs/, checkpoints/ and .venv/ stay"
	@echo "PYTHON=...   the interpreter that makes .venv (default: python3)"
	@echo "SEED=...     the seed of the demo's trainings (default: 0)"
	@echo "WORKERS=...  the number of processes of make test (default: one for each core)"

# The stamp is written last, so that an interrupted installation is taken up again.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Expected Python 3.11 or newer, but \`$(PYTHON)\` is: `$(PYTHON) --version 2>&1`. Try \`make PYTHON=python3.11 ...\`." >&2; \
		exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -c constraints.txt -e '.[dev]'
	@touch $@

# A process for each core: a test computes in one thread, and many wait for a process of their own.
test: .venv/.installed
	$(RUN) -m pytest -q -n $(WORKERS) --dist worksteal

lint: .venv/.installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# All trainings at once, one thread each: two cores stay busy to the end, and the numbers do not depend on the number of cores.
EVALUATE = OMP_NUM_THREADS=1 $(RUN) evaluate.py dataset=synthetic
TRAIN = OMP_NUM_THREADS=1 $(RUN) train.py dataset=synthetic seed=$(SEED) trainer.enable_progress_bar=false

demo-train-%: .venv/.installed
	$(TRAIN) component=$* experiment=demo/$*

demo-baseline: .venv/.installed
	$(EVALUATE) pipeline=detector_only output=runs/demo/detector_only

demo-induction: .venv/.installed
	$(EVALUATE) pipeline=inductive output=runs/demo/inductive

demo: .venv/.installed
	@echo "== training the four components, about thirteen minutes on two cores; progress in runs/train/synthetic/*/*/metrics.csv"
	@$(MAKE) --no-print-directory -j4 $(COMPONENTS:%=demo-train-%)
	$(RUN) -m spinefm.data.synthetic.save_films runs/demo/films 2
	$(RUN) infer.py input=runs/demo/films checkpoints=checkpoints/synthetic output=runs/demo/infer
	@echo "== evaluating, the baseline (the detector alone) and SpineFM"
	@$(MAKE) --no-print-directory -j2 --output-sync=target demo-baseline demo-induction
	@echo
	@echo "Report       runs/demo/inductive/report.html"
	@echo "Overlays     runs/demo/inductive/overlays"
	@echo "Baseline     runs/demo/detector_only/report.html"
	@echo "Inference    runs/demo/infer"
	@echo "Checkpoints  checkpoints/synthetic"

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./.venv -prune -o -type d -name __pycache__ -exec rm -rf {} +
