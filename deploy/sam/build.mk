# How sam build makes the function Podinfo of template.yaml: in a copy of the repository, without its history, as
# working directory, with ARTIFACTS_DIR as the directory that becomes the deployment package. The Makefile that included
# this file lies in the repository itself, which knows the revision.

REVISION := $(shell git -C "$(dir $(firstword $(MAKEFILE_LIST)))" rev-parse HEAD 2>/dev/null || echo unknown)

.PHONY: build-Podinfo
build-Podinfo:
	$(MAKE) GOOS=linux GOARCH=$(GOARCH) REVISION=$(REVISION) bin/bootstrap
	cp bin/bootstrap "$(ARTIFACTS_DIR)/bootstrap"
