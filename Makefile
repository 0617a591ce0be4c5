# podinfo: what people do with it. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION  := $(shell sed -n 's/^const Version = "\(.*\)"/\1/p' shared/version/version.go)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
TARGET   ?= k8s
IMAGE    ?= ghcr.io/podinfo-targets/podinfo$(patsubst %,-%,$(filter knative plugins,$(TARGET)))
URL      ?= http://localhost:9898
FUZZTIME ?= 20s

# grpcnotrace leaves out gRPC's debug pages, and with them html/template: a third of the binary. lambda.norpc leaves out
# the protocol of a Lambda runtime that is no more.
TAGS      := grpcnotrace,lambda.norpc
GO_BUILD   = CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags=$(TAGS) \
  -ldflags "-s -w -X github.com/podinfo-targets/podinfo/shared/version.Revision=$(REVISION)"
GOTESTSUM := go run gotest.tools/gotestsum@v1.13.0
GOLANGCI  := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

##@ Use

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: bin/podinfo ## Run podinfo here: in-memory cache, temporary data directory (needs Go and make only)
	@mkdir -p bin/plugins; data=$$(mktemp -d); trap 'rm -rf "$$data"' EXIT; \
	printf '%s\n' \
	  "podinfo $(VERSION) is starting. Open in a browser:" \
	  "  http://localhost:9898/            the page" \
	  "  http://localhost:9898/swagger/    the API, to try out" \
	  "  http://localhost:9797/metrics     its metrics" \
	  "gRPC listens on localhost:9999. Press Ctrl-C to stop."; \
	./bin/podinfo --host=localhost --port=9898 --port-metrics=9797 --grpc-port=9999 \
	  --cache-server=memory:// --data-path="$$data" --plugins-path=bin/plugins --shutdown-delay=0s

.PHONY: build
build: bin/podinfo bin/podinfo-knative bin/bootstrap bin/podinfo-function bin/podcli ## Build every binary into bin/

.PHONY: bin/podinfo
bin/podinfo:
	@$(GO_BUILD) -o $@ ./targets/k8s

.PHONY: bin/podinfo-knative
bin/podinfo-knative:
	@$(GO_BUILD) -o $@ ./targets/knative

# What their platforms hand to functions is HTTP/1.1 at most, so they need no HTTP/2: 0.3 MB. To backends and collectors
# they speak HTTP/1.1 as well then.
bin/bootstrap bin/podinfo-function: TAGS := $(TAGS),nethttpomithttp2

# The name that the runtime provided.al2023 starts. GOARCH=arm64 makes it for Graviton.
.PHONY: bin/bootstrap
bin/bootstrap:
	@$(GO_BUILD) -o $@ ./targets/lambda

.PHONY: bin/podinfo-function
bin/podinfo-function:
	@$(GO_BUILD) -o $@ ./targets/cloudfunctions/podinfo-function

.PHONY: bin/podcli
bin/podcli:
	@$(GO_BUILD) -o $@ ./podcli

# The plugins that are here as samples. Where they are built to can be given to podinfo as --plugins-path.
PLUGINS := $(patsubst %,bin/%,$(wildcard plugins/protocol-*))

.PHONY: plugins
plugins: $(PLUGINS) ## Build the plugins into bin/plugins/

.PHONY: $(PLUGINS)
$(PLUGINS): bin/%:
	@$(GO_BUILD) -o $@ ./$*

.PHONY: image
image: ## Build the container image with docker or buildah (TARGET=k8s|knative|plugins)
	@build=$$(command -v docker || command -v buildah) || { echo "make image needs docker or buildah" >&2; exit 1; }; \
	"$$build" build $(if $(filter plugins,$(TARGET)),--target plugins,--build-arg TARGET=$(TARGET)) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	  --build-arg BUILD_DATE="$$(date -u +%Y-%m-%dT%H:%M:%SZ)" $(IMAGE_FLAGS) -t $(IMAGE):$(VERSION) .

##@ Develop

.PHONY: test
test: ## Run every test; what the machine lacks is skipped by name
	@$(GOTESTSUM) --format=pkgname $(GOTESTSUM_FLAGS) --packages=./... -- -race -shuffle=on
	@cd test/deploy && $(GOTESTSUM) --format=pkgname $(GOTESTSUM_FLAGS) --packages=./... -- -shuffle=on

.PHONY: e2e
e2e: ## Run the installers on the cluster of KUBECONFIG; E2E_LOAD is the command that loads an image archive there
	@test/e2e/run.sh

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@test/fuzz.sh $(FUZZTIME)

.PHONY: lint
lint: ## Check formatting, vet and lint
	@$(GOLANGCI) run ./...
	@cd test/deploy && $(GOLANGCI) run ./...

.PHONY: fmt
fmt: ## Format the code
	@$(GOLANGCI) fmt ./... ./test/deploy/...

.PHONY: generate
generate: ## Make the generated files again (needs protoc)
	@go generate ./...
	@cd test/deploy && go generate ./...

.PHONY: swagger-ui
swagger-ui: ## Fetch the pinned files of Swagger UI again (needs npm)
	@handlers/openapi/swaggerui/vendor.sh

.PHONY: bench
bench: build ## Measure podinfo on every platform beside its libraries alone, and write docs/benchmarks.md
	@go run ./test/bench

.PHONY: conformance
conformance: ## Run the conformance table against URL
	@CONFORMANCE_URL=$(URL) go test -count=1 -v -run '^TestURL$$' ./test/conformance

.PHONY: parity
parity: ## Run the conformance table on every platform and write docs/targets.md
	@go test -race -count=1 ./test/parity -update

.PHONY: clean
clean: ## Remove what was built
	@rm -rf bin
