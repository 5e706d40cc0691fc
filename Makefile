# make demo: export the demo checkpoint and ask it three questions.   make test: the whole test-suite.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := build/demo-qa
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt --editable '.[cpu,openvino,cli,export,demo]'
SOURCES := $(shell find runtime/bert_runtime calibration/bert_calibration exporter/bert_export -type f -not -name '*.pyc')
CONTEXT := $$(cat examples/transformers.txt)

.PHONY: demo test test-slow lint format bench accuracy train-demo clean
.DELETE_ON_ERROR:

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt pip

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV): a few minutes the first time"
	$(INSTALL)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) --group dev
	@touch $@

$(DEMO)/manifest.json: $(VENV)/.installed $(SOURCES)
	$(BIN)/bert-export --task qa --output $(DEMO) --force

demo: $(DEMO)/manifest.json
	$(BIN)/bert-run $(DEMO) --describe
	$(BIN)/bert-run $(DEMO) --context "$(CONTEXT)" --question "How many pretrained models are available in 🤗 Transformers?"
	$(BIN)/bert-run $(DEMO) --context "$(CONTEXT)" --question "What does 🤗 Transformers provide?"
	$(BIN)/bert-run $(DEMO) --context "$(CONTEXT)" --question "🤗 Transformers provides interoperability between which frameworks?"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.run

accuracy: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.table

train-demo: $(VENV)/.installed-dev
	$(BIN)/python -m training.train --task question-answering --output exporter/bert_export/demo/qa
	$(BIN)/python -m training.train --task text-classification --output exporter/bert_export/demo/text-classification

clean:
	rm -rf build $(VENV)
