# `make help` lists the targets that a person types.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := build/demo-qa
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Bytecode comes with the first import of a module: for all of torch's it would take a minute.
INSTALL := $(PIP) install --quiet --no-compile --constraint constraints.txt --editable '.[cpu,openvino,cli,data,serve,export,demo]'
SOURCES := $(shell find runtime/bert_runtime calibration/bert_calibration exporter/bert_export serving/bert_serve -type f -not -name '*.pyc')
CONTEXT := $$(cat examples/transformers.txt)

CPP := build/cpp
CPP_SANITIZE := build/cpp-sanitize
CPP_LINK := build/cpp-link
CPP_TIDY := build/cpp-tidy
CPP_SOURCES = $(shell find runtime/cpp -name '*.cpp' -o -name '*.h' -o -name '*.c')
# How far the C++ runtime is optimised, and how many files are compiled as one: many take a third of the time, and one alone
# shows that a file includes what it needs. A build keeps what it was first told.
CPP_OPTIMISED ?= -O3
CPP_TOGETHER ?= 1
TOGETHER = -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE
ONNXRUNTIME_ROOT ?= $(CURDIR)/build/onnxruntime
ONNXRUNTIME_HEADER := $(ONNXRUNTIME_ROOT)/include/onnxruntime_c_api.h
CONFIGURE := cmake -S runtime/cpp -DONNXRUNTIME_ROOT=$(ONNXRUNTIME_ROOT)
# The library in Python's wheel: the C++ runtime opens it when it loads a bundle.
ONNXRUNTIME_LIBRARY = $(abspath $(firstword $(wildcard $(VENV)/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*)))
WITH_ONNXRUNTIME = BERT_RUNTIME_ONNXRUNTIME=$(ONNXRUNTIME_LIBRARY)
THREAD_SECONDS ?= 30
SOAK_SECONDS ?= 180
SANITIZED_TESTS := tests/cpp/test_hostile.py tests/cpp/test_json_text.py tests/cpp/test_bert_run.py tests/cpp/test_encoder_text.py

.PHONY: cpp cpp-toolchain cpp-install cpp-link cpp-sanitize cpp-sanitize-build cpp-two-versions test-cpp ctest-cpp onnxruntime-headers
.PHONY: browser demo test soak test-slow test-oldest test-newest test-ray test-engines test-sdist test-runtime-alone test-gpu-wheel lint lint-python lint-cpp
.PHONY: format docs help bench page accuracy train-demo clean
.DELETE_ON_ERROR:
# Two of pip at once would undo each other's work.
.NOTPARALLEL:

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt pip

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV): a few minutes the first time"
	$(INSTALL)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV): a few minutes the first time"
	$(INSTALL) --group dev --group docs
	@touch $(VENV)/.installed $@

$(DEMO)/manifest.json: $(VENV)/.installed $(SOURCES)
	$(BIN)/bert-export --task qa --output $(DEMO) --force

demo: $(DEMO)/manifest.json  ## export the demo checkpoint and ask it three questions
	$(BIN)/bert-run $(DEMO) --describe
	$(BIN)/bert-run $(DEMO) --context "$(CONTEXT)" --question "How many pretrained models are available in 🤗 Transformers?"
	$(BIN)/bert-run $(DEMO) --context "$(CONTEXT)" --question "What does 🤗 Transformers provide?"
	$(BIN)/bert-run $(DEMO) --context "$(CONTEXT)" --question "🤗 Transformers provides interoperability between which frameworks?"

test: $(VENV)/.installed-dev $(DEMO)/manifest.json  ## the whole test suite, in both languages
	@if [ -z "$(WITHOUT_CPP)" ] && { runtime/cpp/tools/toolchain.sh || runtime/cpp/tools/toolchain.sh --install; }; then \
	  $(MAKE) ctest-cpp; fi
	BERT_EXPORT_DEMO=$(DEMO) $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder --durations 15
	@if [ -z "$(WITHOUT_CPP)" ] && ! runtime/cpp/tools/toolchain.sh; then \
	  echo "NOT TESTED: the C++ runtime; install its tools, or say WITHOUT_CPP=1" >&2; exit 1; fi

# The page's tests drive a real Chromium, of Debian's packages; another that is on the path will do as well.
browser:  ## a headless Chromium for the tests of bert-serve's page
	@command -v chromium-headless-shell chromium google-chrome > /dev/null || \
	  { apt-get update -qq && timeout 600 apt-get install -y -qq --no-install-recommends chromium-headless-shell > /dev/null; }

soak: $(VENV)/.installed-dev  ## bert-serve under mixed load for three minutes
	BERT_SERVE_SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest -m slow tests/serving/test_soak.py

test-slow: $(VENV)/.installed-dev  ## tests that take minutes
	$(BIN)/python -m pytest -m slow

# The oldest versions that pyproject.toml allows, in a virtual environment of their own (.venv-oldest): texts, golden bundles,
# answers, commands, int8, and an export of every head.
OLDEST := .venv-oldest/bin/python
OLDEST_TESTS := tests/runtime/test_bundle.py tests/runtime/test_text.py tests/runtime/test_text_settings.py \
  tests/runtime/test_situations.py tests/runtime/tasks tests/runtime/generation tests/runtime/cli \
  tests/calibration/test_convert.py tests/exporter/test_export.py
test-oldest: constraints-oldest.txt pyproject.toml  ## the oldest dependencies that pyproject.toml allows
	$(PYTHON) -m venv .venv-oldest
	$(OLDEST) -m pip install --quiet --no-compile --constraint constraints-oldest.txt --editable '.[cpu,openvino,cli,export,demo]' \
	  pytest pytest-xdist hypothesis jsonschema seqeval
	$(OLDEST) -m pytest -p no:cacheprovider --numprocesses 2 $(OLDEST_TESTS)

# The newest versions that pyproject.toml allows, in a virtual environment of their own (.venv-newest), with the same tests.
# torch is the CPU build, installed first: the default one would bring CUDA's libraries, some gigabytes.
NEWEST := .venv-newest/bin/python
TORCH_CPU ?= torch --index-url https://download.pytorch.org/whl/cpu
test-newest: pyproject.toml  ## the newest dependencies that pyproject.toml allows
	$(PYTHON) -m venv .venv-newest
	$(NEWEST) -m pip install --quiet --no-compile $(TORCH_CPU)
	$(NEWEST) -m pip install --quiet --no-compile --editable '.[cpu,openvino,cli,export,demo]' \
	  pytest pytest-xdist hypothesis jsonschema seqeval
	$(NEWEST) -m pytest -p no:cacheprovider --numprocesses 2 $(OLDEST_TESTS)

test-runtime-alone: $(VENV)/.installed-dev  ## the runtime's tests without the exporter and its libraries
	$(BIN)/python -m tests.without_exporter --numprocesses 2 --dist loadgroup -p no:cacheprovider

# The source distribution unpacked, and installed beside what is installed already: its own tests of the runtime, without the
# exporter's libraries, and how much of the runtime they cover.
SDIST := build/sdist
test-sdist: $(VENV)/.installed-dev  ## the source distribution: built, installed, tested; its coverage
	rm -rf $(SDIST)
	$(BIN)/python -m hatchling build --target sdist --directory $(SDIST) > /dev/null
	mkdir $(SDIST)/tree && tar -xzf $(SDIST)/*.tar.gz -C $(SDIST)/tree --strip-components 1
	$(BIN)/python -m venv --without-pip $(SDIST)/venv
	$(BIN)/python -c "import site; print(site.getsitepackages()[0])" > $(SDIST)/installed.pth
	mv $(SDIST)/installed.pth $(SDIST)/venv/lib/python3*/site-packages
	$(PIP) --python $(SDIST)/venv/bin/python install --quiet --no-deps --no-build-isolation --no-compile --ignore-installed $(SDIST)/*.tar.gz
	cd $(SDIST)/tree && env -u PYTHONPATH ../venv/bin/python -m tests.without_exporter --numprocesses 2 --dist loadgroup \
	  -p no:cacheprovider --cov=bert_runtime --cov-report= && ../venv/bin/python -m coverage report --skip-covered --sort=cover | tail -40

# Ray in a virtual environment of its own (.venv-ray): a real local cluster, actors and drivers that are killed.
RAY := .venv-ray/bin/python
test-ray: pyproject.toml constraints.txt  ## bulk work on a real local Ray
	$(PYTHON) -m venv .venv-ray
	$(RAY) -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[cpu,data,ray]' pytest onnx
	$(RAY) -m pytest -p no:cacheprovider tests/runtime/ray

# Engines of others in a virtual environment of their own (.venv-engines): the examples on Daft, Dask, datasets and Spark, which
# needs Java.
ENGINES := .venv-engines/bin/python
test-engines: pyproject.toml constraints.txt  ## the examples of bulk work on Daft, Dask, datasets and Spark
	$(PYTHON) -m venv .venv-engines
	$(ENGINES) -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[cpu,data]' pytest daft \
	  'dask[dataframe]' datasets pyspark
	$(ENGINES) -m pytest -p no:cacheprovider tests/runtime/engines

# The real onnxruntime-gpu in a virtual environment of its own (.venv-gpu, a download of 260 MB), on a machine without a GPU.
test-gpu-wheel: $(VENV)/.installed-dev  ## refusals of the real onnxruntime-gpu, without a GPU
	$(BIN)/python -m pytest -m slow tests/runtime/backends/test_gpu_wheel.py

onnxruntime-headers: $(ONNXRUNTIME_HEADER)

$(ONNXRUNTIME_HEADER):
	runtime/cpp/tools/onnxruntime_headers.sh $(ONNXRUNTIME_ROOT)

cpp-toolchain:  ## what the C++ runtime is built with, from Debian
	runtime/cpp/tools/toolchain.sh --install

cpp: $(ONNXRUNTIME_HEADER)  ## the C++ runtime, in build/cpp
	$(CONFIGURE) -B $(CPP) $(if $(wildcard $(CPP)/CMakeCache.txt),,-DCMAKE_CXX_FLAGS_RELEASE="$(CPP_OPTIMISED) -DNDEBUG" \
	  $(if $(filter-out 1,$(CPP_TOGETHER)),$(TOGETHER)=$(CPP_TOGETHER)))
	cmake --build $(CPP) --parallel 2

test-cpp: ctest-cpp  ## the tests of the C++ runtime
	$(BIN)/python -m pytest tests/cpp

ctest-cpp: cpp cpp-install $(VENV)/.installed-dev
	$(WITH_ONNXRUNTIME) BERT_RUNTIME_THREAD_SECONDS=$(THREAD_SECONDS) ctest --test-dir $(CPP) --output-on-failure

# The README's snippet and a service, built against the installed package as a stranger would build them.
cpp-install: cpp
	cmake --install $(CPP) --prefix build/cpp-installed > build/cpp-install.log
	cmake -S runtime/cpp/example -B build/cpp-example -DCMAKE_PREFIX_PATH=$(CURDIR)/build/cpp-installed
	cmake --build build/cpp-example

cpp-sanitize-build: $(ONNXRUNTIME_HEADER)
	$(CONFIGURE) -B $(CPP_SANITIZE) -DBERT_RUNTIME_SANITIZE=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O0 $(TOGETHER)=40
	cmake --build $(CPP_SANITIZE) --parallel 2

cpp-sanitize: cpp-sanitize-build $(VENV)/.installed-dev  ## the same under sanitizers
	$(WITH_ONNXRUNTIME) BERT_RUNTIME_THREAD_SECONDS=5 ctest --test-dir $(CPP_SANITIZE) --output-on-failure
	BERT_RUNTIME_BUILD=$(CPP_SANITIZE) $(BIN)/python -m pytest --numprocesses 2 $(SANITIZED_TESTS)

# The library linked with ONNX Runtime, here with the one in Python's wheel, installed and met as a stranger would.
cpp-link: $(ONNXRUNTIME_HEADER) $(VENV)/.installed-dev
	$(CONFIGURE) -B $(CPP_LINK) -DBERT_RUNTIME_LINK_ONNXRUNTIME=ON -DPython3_EXECUTABLE=$(abspath $(BIN)/python) \
	  -DBERT_RUNTIME_PRECOMPILE=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1
	cmake --build $(CPP_LINK) --parallel 2
	BERT_RUNTIME_ONNXRUNTIME=/nowhere BERT_RUNTIME_THREAD_SECONDS=2 ctest --test-dir $(CPP_LINK) --output-on-failure
	cmake --install $(CPP_LINK) --prefix $(CPP_LINK)/installed > $(CPP_LINK)/install.log
	cmake -S runtime/cpp/example -B $(CPP_LINK)/example -DCMAKE_PREFIX_PATH=$(CURDIR)/$(CPP_LINK)/installed
	cmake --build $(CPP_LINK)/example
	BERT_RUNTIME_ONNXRUNTIME=/nowhere $(CPP_LINK)/example/embed tests/golden/v1/question-answering

# One build, two versions of ONNX Runtime.
cpp-two-versions: cpp $(VENV)/.installed-dev  ## one C++ build on two versions of ONNX Runtime
	$(BIN)/python -m pytest -m slow tests/cpp/test_two_versions.py

lint: lint-python lint-cpp  ## ruff, mypy, pyright, import-linter, clang-format, clang-tidy

lint-python: $(VENV)/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --num-workers 2
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

# clang-tidy reads many files as one, as each alone would read the same headers again.
lint-cpp: $(VENV)/.installed-dev $(ONNXRUNTIME_HEADER)
	$(BIN)/clang-format --dry-run --Werror $(CPP_SOURCES)
	$(CONFIGURE) -B $(CPP_TIDY) -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_BUILD_TYPE=None $(TOGETHER)=40 > /dev/null
	ls $(CPP_TIDY)/CMakeFiles/*/Unity/*.cxx | xargs -P 2 -n 1 $(BIN)/clang-tidy --config-file=.clang-tidy -p $(CPP_TIDY) \
	  --quiet --extra-arg=-Wno-unknown-warning-option

format: $(VENV)/.installed-dev  ## what ruff and clang-format can mend by themselves
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/clang-format -i $(CPP_SOURCES)

bench: $(VENV)/.installed-dev  ## the benchmarks: an hour
	$(BIN)/python -m benchmarks.run

# The documentation as a site; a warning is an error.
docs: $(VENV)/.installed-dev  ## the documentation, as a site in build/site
	$(BIN)/python docs/make_tables.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The results as a page of HTML, and the pictures of the READMEs.
page: $(VENV)/.installed-dev  ## the results as one page of HTML
	$(BIN)/python -m benchmarks.page

accuracy: $(VENV)/.installed-dev  ## the accuracy of the real heads: an hour
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.table

train-demo: $(VENV)/.installed-dev
	$(BIN)/python -m training.train --task question-answering --output exporter/bert_export/demo/qa
	$(BIN)/python -m training.train --task text-classification --output exporter/bert_export/demo/text-classification

clean:
	rm -rf build $(VENV)
