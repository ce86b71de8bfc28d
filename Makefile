# `make` lists the targets. `make test` is the one to know: it does its own set-up.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

GO ?= go
NPM := npm --prefix client
BUF := client/node_modules/.bin/buf

help: ## show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/conductor and bin/node, with the flags of `go run`, so that both share the build cache
	$(GO) build -o bin/ ./conductor ./node

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

release: ## release/: both programs for every platform, with SHA256SUMS; the same source gives the same bytes
	rm -rf release && mkdir release
	for platform in $(PLATFORMS); do \
	  name=chord-conductor_$(VERSION)_$${platform%/*}_$${platform#*/}; \
	  CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) build -trimpath -buildvcs=false \
	    -ldflags '-s -w -buildid= -X chordconductor/internal/version.release=$(VERSION)' -o release/$$name/ ./conductor ./node; \
	done
	cd release && sha256sum */* > SHA256SUMS

release-check: ## make the release here and in a copy elsewhere, with an empty build cache, and fail unless both are the same
	$(MAKE) release
	copy=$$(mktemp -d) && trap 'chmod -R u+w $$copy && rm -rf $$copy' EXIT && mkdir $$copy/source && \
	  git ls-files -z | tar --null -T - -cf - | tar -xf - -C $$copy/source && \
	  GOCACHE=$$copy/cache $(MAKE) -C $$copy/source release VERSION=$(VERSION) PLATFORMS="$(PLATFORMS)" && \
	  diff release/SHA256SUMS $$copy/source/release/SHA256SUMS

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

lint: ## staticcheck, of all three modules
	$(GO) run $(STATICCHECK) ./...
	cd dashboards && $(GO) run $(STATICCHECK) ./...
	cd test && $(GO) run $(STATICCHECK) ./...

vuln: ## govulncheck: known vulnerabilities of what we call, by the database on the network
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.6.0 ./...

test: test-go test-client ## all tests but the end-to-end suite: Go with the race detector, and the client's

test-go: build ## the Go tests
	test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) test -race -timeout 60m ./...
	$(GO) test -timeout 60m ./node/chord/modelcheck ./conductor/lab/run ./conductor/truthtest
	$(MAKE) promises-slice
	$(GO) test -timeout 60m -run 'TestFlashCrowd|TestRandomScenarios|TestRing' ./node/member
	cd dashboards && $(GO) vet ./... && $(GO) test ./...
	cd test && $(GO) vet ./... && $(GO) test ./deploy/... ./fuzz ./mutants ./internal/...

promises-slice: ## the part of `make promises` that every run has: each pair of settings and faults once; some five minutes
	$(GO) test -timeout 60m ./node/simtest -seeds 289

promises: ## docs/promises.md: 5,000 random plans, some 60 minutes on two cores; after an interruption it continues with the plans that are left (promises.outcomes)
	$(GO) test -count=1 -timeout 4h -run TestRandomPlans ./node/simtest -seeds 5000 -shrink 0 -ungated -outcomes $(CURDIR)/promises.outcomes -promises $(CURDIR)/docs/promises.md
	rm promises.outcomes

mutants: ## the mutants in docs/promises.md: which changes of the node's code no test notices; some hours
	cd test && $(GO) run ./mutants -out ../docs/promises.md

fuzz-full: ## docs/fuzzing.md: every fuzzer for ten minutes, one after another; some three hours
	cd test && $(GO) run ./fuzz -out ../docs/fuzzing.md

modelcheck: ## the model checker of ring maintenance, the larger models too: some minutes
	$(GO) test -count=1 -timeout 2h -v ./node/chord/modelcheck -modelcheck.full

test-client: client/node_modules ## the client's tests, and whether client/dist is what its source builds
	$(NPM) run check
	$(NPM) test
	$(NPM) run build
	git diff --exit-code --stat -- client/dist

e2e: build client/node_modules ## end to end, with the real Jaeger, Prometheus, Docker Compose and Chromium on PATH
	cd test && $(GO) test -count=1 -p 1 -timeout 40m -v ./docs/... ./e2e/...
	$(NPM) run test:browser
	$(NPM) run test:real

dashboards: ## the Grafana dashboards, from their Go source
	cd dashboards && $(GO) run .

generate: client/node_modules dashboards ## generated code: protobuf, docs/telemetry.md, dashboards, client/dist
	$(BUF) lint
	$(BUF) generate
	$(GO) generate ./...
	$(NPM) run build

generate-check: generate ## fail if generated code differs from what is committed
	git diff --exit-code --stat

# The copy's tests are those of the packages that the field passes through.
check-newfield: client/node_modules ## whether a new field of a member needs five files only: testdata/newfield.patch, applied to a copy, shows it on page and API
	copy=$$(mktemp -d) && trap 'rm -rf $$copy' EXIT && \
	  git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C $$copy && \
	  ln -s $(CURDIR)/client/node_modules $$copy/client/node_modules && \
	  cd $$copy && git apply -C1 testdata/newfield.patch && \
	  $(GO) test ./internal/deptest -run PublicNames -update && \
	  $(MAKE) generate build && \
	  $(GO) test ./otel/chordevent ./conductor/encoding ./conductor/hub ./conductor/web ./internal/deptest && \
	  $(NPM) run test:real -- test/real/newfield.test.ts

bench: ## the benchmarks, the one against a bare Collector among them
	$(GO) test -run '^$$' -bench . -benchmem ./...
	cd test && $(GO) test -run '^$$' -bench . ./pipeline

results: ## docs/results.md: the figures of the Chord papers, measured on this code; some six minutes on two cores
	$(GO) run ./node/simtest/results -out docs

senders-full: ## the conductor against the worst senders and readers, ten minutes at each of two limits of memory; see docs/results/senders.md
	$(GO) test -count=1 -timeout 60m -v -run TestWorstSenders ./conductor/senderstest -full 10m

clean: ## remove what the targets above made
	rm -rf bin release client/node_modules

client/node_modules: client/package-lock.json
	$(NPM) ci --no-audit --no-fund
	@touch $@

.PHONY: check-newfield fuzz-full help dashboards build release release-check lint vuln test test-go modelcheck test-client e2e generate generate-check bench results promises promises-slice mutants senders-full clean
