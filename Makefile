# make            says what there is to make
# Everything but the race detector's tests is built without cgo, and the same bytes
# come out wherever the folder lies.

GO      ?= go
GOFMT    = $(shell $(GO) env GOROOT)/bin/gofmt
FUZZTIME ?= 10s
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
# Packages tested at once: many of them wait most of their time.
PACKAGES = -p $(shell echo $$(($(JOBS) * 2)))

export CGO_ENABLED = 0
export GOFLAGS := $(GOFLAGS) -trimpath -buildvcs=false
# Programs under the race detector would each wait a second before they end.
export GORACE = atexit_sleep_ms=0

# Tests that start programs; the race detector would only watch the test itself.
WHOLE = ./internal/e2e ./internal/interop ./internal/bench
# Everything else runs under the race detector, but for the long stories: years of
# whole farms, which take minutes under it. What they run is watched in its own tests.
LONG  = ./internal/story
BUT   = $$($(GO) list ./... | grep -vE '/(internal/(e2e|interop|bench)|$(1))$$')
# Memberlist under a synthetic clock: the race detector itself crashes there, sooner or
# later (golang/go#78156). It watches the tests with real sockets.
MESH = ./ls/gossip
# It waits longest, so it begins first.
FIRST = ./netlab/script
# Whole connections: make check runs them without the race detector, make test with it.
CONNECTIONS = ./ts ./internal/onebox
# What is built for Linux only.
LINUX = /netlab|/internal/(e2e|interop|bench|harness)$$

# In the order of the page; internal/interop has the same list.
DOCUMENTED = tslab termsrv lserver clearinghouse licmgr lsreport tscc tsclient labdc

.PHONY: docs help build lab test check interop captures mutants bench fuzz deps deps-bench lint picture requirements guarantees fmt cross clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## static programs into bin/
	$(GO) build -ldflags='-s -w' -o bin/ ./cmd/...

lab: build ## build, then run the first lab: a client earns its license
	bin/tslab run first-logon

test: deps lint cross build ## what CI runs: lint, other systems, all tests, with real clients and whole labs
	CGO_ENABLED=1 $(GO) test -race $(PACKAGES) $(FIRST) $(call BUT,internal/story|ls/gossip)
	CGO_ENABLED=1 $(GO) test -race -run Loopback $(MESH)
	$(GO) test $(LONG) $(MESH)
	TSLAB_BIN=$(CURDIR)/bin $(GO) test -count=1 -timeout=20m $(WHOLE)

check: lint cross ## before a commit: format, vet, staticcheck, other systems, layers, races, fuzz
	CGO_ENABLED=1 $(GO) test -race -short $(PACKAGES) $(FIRST) $(call BUT,internal/story|internal/onebox|tslab/ts|ls/gossip)
	CGO_ENABLED=1 $(GO) test -race -run Loopback $(MESH)
	$(GO) test -short $(CONNECTIONS) $(LONG) $(MESH)
	$(MAKE) --no-print-directory fuzz FUZZTIME=2s

lint: ## format, vet, staticcheck
	@bad=$$(git ls-files -z '*.go' | xargs -0 $(GOFMT) -l); [ -z "$$bad" ] || { echo "not formatted; make fmt:"; echo "$$bad"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

interop: build ## rdesktop, xfreerdp and tsclient in every combination with what a server can be: tables
	TSLAB_BIN=$(CURDIR)/bin $(GO) test -count=1 -timeout=30m -parallel 2 -v -run '^Test(Interop|Matrix|Forms|Refusals|Devices|KeyUpdates|Xrdp)$$' ./internal/interop -full

picture: build ## docs/session.png from a real client's screen, docs/report-*.png from a run's report, as README shows them
	TSLAB_BIN=$(CURDIR)/bin $(GO) test -count=1 -run '^TestInterop$$' ./internal/interop -picture $(CURDIR)/docs/session.png
	TSLAB_BIN=$(CURDIR)/bin $(GO) test -count=1 -run '^TestReportPictures$$' ./internal/e2e -pictures $(CURDIR)/docs

captures: build ## the reference captures in captures/, by running their drills
	TSLAB_BIN=$(CURDIR)/bin $(GO) test -count=1 -run '^TestReferenceCaptures$$' ./internal/e2e -captures

mutants: ## small mistakes in a copy of the program: says which ones no test and no drill notices; MUTANTS="-j 2 -only gossip"
	@$(GO) run ./internal/e2e/mutants $(MUTANTS)

bench: ## figures, one line each; BENCH=-json for JSON lines
	@$(MAKE) --no-print-directory build >&2
	@TSLAB_BIN=$(CURDIR)/bin $(GO) run ./internal/bench $(BENCH)

fuzz: ## every fuzz target for FUZZTIME (10s)
	@sh internal/build/fuzz.sh '$(GO)' '$(FUZZTIME)' '$(JOBS)'

docs: build ## docs/commands.md, docs/man and bin/completion, from what the programs say of themselves
	@{ printf '# Commands\n\nMade by `make docs` from the programs; a test plays every example, and says when this page is stale.\n\n'; \
	for p in $(DOCUMENTED); do bin/$$p --docs=markdown || exit 1; done; } > docs/commands.md
	@mkdir -p docs/man bin/completion
	@for p in $(DOCUMENTED); do bin/$$p --docs=man > docs/man/$$p.1; bin/$$p --docs=bash > bin/completion/$$p; done

guarantees: ## docs/guarantees.md, from what a test finds when it kills the programs
	TSLAB_WRITE_GUARANTEES=1 $(GO) test -count 1 -run 'TestCrashTable$$' ./internal/e2e

requirements: ## docs/requirements.md, from what the tests say they prove
	$(GO) run ./internal/requirements

deps: ## install what the tests need beside Go (Debian, Ubuntu)
	@sh internal/build/deps.sh

deps-bench: ## install what make bench compares with: mininet, tcpdump, nft (Debian, Ubuntu)
	@sh internal/build/deps.sh bench

fmt: ## gofmt
	git ls-files -z '*.go' | xargs -0 $(GOFMT) -w

cross: ## build what is not Linux-only for other systems
	@for os in darwin windows; do \
		echo "GOOS=$$os $(GO) build"; \
		GOOS=$$os $(GO) build -o /dev/null $$($(GO) list ./... | grep -vE '$(LINUX)') || exit 1; \
	done

clean: ## remove bin/ and runs/
	rm -rf bin runs
