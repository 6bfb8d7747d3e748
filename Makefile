# Everything the book can do. `make` alone lists it.

PORT ?= 8000
MINUTES ?= 60
DEVICE ?= cuda
python := .venv/bin/python
site := _build/html
# Two workers share the machine: one thread each, in notebooks too. On the processor: the
# outputs in the notebooks are its own. `make gpu` has the tests of a GPU.
run_tests := CUDA_VISIBLE_DEVICES= OMP_NUM_THREADS=1 $(python) -m pytest -n 2 --no-loadscope-reorder
# First, so that in the end no worker waits for the other.
longest := tests/test_exercises.py tests/test_site.py
# Each notebook alone, as on Colab. The limits are for what hangs, not for what is slow.
alone := --alone --nbval-cell-timeout 3600 --nbval-kernel-startup-timeout 600

.DEFAULT_GOAL := help
.PHONY: help book serve pdf zip audit test check outputs facts exercises grade bench \
	gpu test-colab address clean clean-all environment grading browser

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		awk -F'|' '{ printf "make %-12s %s\n", $$1, $$2 }'

book: environment ## build the site, and say where it is
	@$(python) book/tools/vendor.py >/dev/null
	@.venv/bin/jupyter-book build . -n -W --keep-going -q >/dev/null
	@echo "The book is built. Open file://$(CURDIR)/$(site)/index.html"
	@echo "or run 'make serve' and open http://127.0.0.1:$(PORT)/"

serve: book ## build the site and serve it on this machine (PORT=8000)
	@echo "http://127.0.0.1:$(PORT)/  (Ctrl+C ends it; if the port is taken: PORT=8001)"
	@$(python) -m http.server $(PORT) --bind 127.0.0.1 --directory $(site) >/dev/null

pdf: book browser ## print the whole book as one PDF
	@$(python) book/tools/pdf.py $(site)

zip: book ## pack the site: unpacked, it opens from any folder
	@$(python) book/tools/pack.py $(site)

audit: book browser ## Lighthouse over every page, as on a phone (PAGES="book/intro …")
	@$(python) book/tools/audit.py $(PAGES)

test: environment grading browser ## run every test
	@$(python) book/tools/vendor.py >/dev/null
	@$(run_tests) --nbval $(alone) $(longest) chapters tests

check: environment grading ## the quick loop: style, rules, facts and the fast tests
	@$(run_tests) -q -m "not slow" tests

outputs: environment ## execute all notebooks and write their outputs back
	@$(python) book/tools/outputs.py

facts: environment ## show the numbers that the text states, with their values
	@$(python) book/tools/facts.py

exercises: environment ## write what is handed out (CHAPTER=04-… CHECKS=… VARIANTS=…)
	@$(python) book/tools/exercises.py $(CHAPTER) \
		$(if $(CHECKS),--checks $(CHECKS)) $(if $(VARIANTS),--variants "$(VARIANTS)")

grade: environment grading ## grade submissions (SUBMISSIONS=folder ROSTER=table.csv)
	@$(if $(SUBMISSIONS),,$(error Say which folder: make grade SUBMISSIONS=folder))
	@$(python) book/tools/grade.py "$(SUBMISSIONS)" $(if $(OUT),"$(OUT)") \
		$(if $(ROSTER),--roster "$(ROSTER)") $(if $(HIDDEN),--hidden) \
		$(if $(VARIANTS),--variants) $(if $(UNSAFE),--unsafe) \
		$(if $(AGAIN),--again)

bench: environment ## time our code against torch
	@for file in tests/bench_*.py; do $(python) "$$file" || exit 1; done

gpu: environment ## tests and recorded runs that want a GPU, within a budget (MINUTES=60)
	@$(python) book/tools/gpu.py --minutes "$(MINUTES)" --device "$(DEVICE)"

test-colab: ## run the notebooks with the packages that Colab has
	@sh book/tools/environment.sh .venv-colab book/tools/requirements-colab.txt \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	@OMP_NUM_THREADS=1 .venv-colab/bin/python -m pytest -n 2 \
		--no-loadscope-reorder --nbval-lax $(alone) tests/test_colab.py chapters exercises

address: environment ## change the repository's address everywhere (URL=https://…)
	@$(if $(URL),,$(error Say which: make address URL=https://github.com/OWNER/NAME))
	@$(python) book/tools/address.py "$(URL)"

clean: ## remove what was built
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

clean-all: clean ## remove the environments and downloads of this folder too
	rm -rf .venv .venv-grade .venv-colab .cache

# --- what the commands above need, each made once

environment:
	@sh book/tools/environment.sh .venv requirements.txt \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

grading: environment
	@PYTHON=$(python) sh book/tools/environment.sh .venv-grade \
		book/tools/requirements-grade.txt --no-deps

browser: environment
	@$(python) book/tools/browser.py
