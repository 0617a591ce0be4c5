#!/usr/bin/env bash
# Installs the definitions of the kinds that the installers can make, but Kubernetes does not know: Gateway API,
# Prometheus operator, cert-manager, Flux and Flagger. They come out of the Go modules that hold them. No controller is
# installed: the objects are validated and kept, and nothing acts on them. What is there already is brought to the
# version named here.
set -euo pipefail

# apply_crds MODULE@VERSION FILE...: files of a Go module, by their paths in it; wildcards are for the shell.
apply_crds() {
  local module=$1 dir file; shift
  dir=$(go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  [ -n "$dir" ] || { echo "go mod download $module failed" >&2; return 1; }
  local files=()
  for file in "$@"; do
    # shellcheck disable=SC2206 # here wildcards become names
    files+=("$dir"/$file)
  done
  kubectl apply --server-side --force-conflicts --field-manager=podinfo-e2e --output=name "${files[@]/#/--filename=}"
}

cd / # where no go.mod is: these modules are no dependencies
apply_crds sigs.k8s.io/gateway-api@v1.6.3 \
  'config/crd/standard/*_gatewayclasses.yaml' 'config/crd/standard/*_gateways.yaml' \
  'config/crd/standard/*_httproutes.yaml' 'config/crd/standard/*_grpcroutes.yaml'
apply_crds github.com/prometheus-operator/prometheus-operator@v0.85.0 \
  'example/prometheus-operator-crd/*_podmonitors.yaml' 'example/prometheus-operator-crd/*_servicemonitors.yaml' \
  'example/prometheus-operator-crd/*_prometheusrules.yaml'
apply_crds github.com/cert-manager/cert-manager@v1.21.2 'deploy/crds/cert-manager.io_*.yaml'
apply_crds github.com/fluxcd/source-controller@v1.9.5 'config/crd/bases/*.yaml'
apply_crds github.com/fluxcd/kustomize-controller@v1.9.5 'config/crd/bases/*.yaml'
apply_crds github.com/fluxcd/helm-controller@v1.6.4 'config/crd/bases/*.yaml'
apply_crds github.com/fluxcd/flagger@v1.36.1 artifacts/flagger/crd.yaml
kubectl wait customresourcedefinition --all --for=condition=Established --timeout=60s >/dev/null
