#!/usr/bin/env bash
# Runs the end-to-end tests on the cluster of the current kubectl context: builds the images, loads them, installs the
# CRDs that the tests need, and runs the tests. Meant for a cluster that may be played with: CRDs stay behind.
#
#   E2E_LOAD="kind load image-archive" test/e2e/run.sh [FLAG OF go test...]
#
# E2E_LOAD is the command that puts images into the cluster's nodes; it gets the path of a docker archive as its last
# argument. E2E_ARCHIVE names an archive that images.sh has made before, so that nothing is built. E2E_PARALLEL bounds how
# many tests of a package run at once. See README.md beside this.
set -euo pipefail
cd "$(dirname "$0")/../.."

step() { printf '\n== %s (%s)\n' "$*" "$(date +%T)"; }

[ -n "${E2E_LOAD:-}" ] || {
  echo 'set E2E_LOAD to the command that loads an image archive into the cluster, such as "kind load image-archive"' >&2
  exit 2
}
kubectl get --raw=/readyz >/dev/null || { echo "kubectl reaches no cluster: set KUBECONFIG" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
archive=${E2E_ARCHIVE:-$work/images.tar}

if [ -z "${E2E_ARCHIVE:-}" ]; then
  step "build the images"
  test/e2e/images.sh "$archive"
fi
step "load the images: $E2E_LOAD"
# shellcheck disable=SC2086 # a command and its arguments
$E2E_LOAD "$archive"
step "install the CRDs"
test/e2e/crds.sh >/dev/null
step "test"
# A cluster on a busy machine is late at times: what fails is run once more, and both runs are shown.
E2E=1 go run gotest.tools/gotestsum@v1.13.0 --format=testname \
  --rerun-fails=1 --rerun-fails-max-failures=3 --packages=./test/e2e/... -- \
  -count=1 -timeout=20m -p=2 -parallel="${E2E_PARALLEL:-6}" "$@"
