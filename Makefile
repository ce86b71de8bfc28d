# `make` lists the targets. `make test` is the one to know: it does its own set-up.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

GO ?= go
NPM := npm --prefix client
BUF := client/node_modules/.bin/buf

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/conductor and bin/node
	$(GO) build -trimpath -o bin/ ./conductor ./node

test: test-go test-client ## all tests but the end-to-end suite: Go with the race detector, and the client's

test-go: ## the Go tests
	test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) test -race -timeout 12m ./...
	$(GO) test -timeout 12m ./node/chord/modelcheck
	cd dashboards && $(GO) vet ./... && $(GO) test ./...
	cd test && $(GO) vet ./... && $(GO) test ./deploy/...

modelcheck: ## the model checker of ring maintenance, the larger models too: up to an hour and 6 GB
	$(GO) test -count=1 -timeout 2h -v ./node/chord/modelcheck -modelcheck.full

test-client: client/node_modules ## the client's tests, and whether client/dist is what its source builds
	$(NPM) run check
	$(NPM) test
	$(NPM) run build
	git diff --exit-code --stat -- client/dist

e2e: build client/node_modules ## end to end, with the real Jaeger, Prometheus, Docker Compose and Chromium on PATH
	cd test && $(GO) test -count=1 -timeout 15m -v ./e2e/...
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

bench: ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

clean: ## remove what the targets above made
	rm -rf bin client/node_modules

client/node_modules: client/package-lock.json
	$(NPM) ci --no-audit --no-fund
	@touch $@

.PHONY: help dashboards build test test-go modelcheck test-client e2e generate generate-check bench clean
