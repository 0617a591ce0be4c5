#!/usr/bin/env bash
# Builds both images of the Dockerfile with buildah and runs them with podman: as user 65532, without capabilities, with
# a read-only root. Needs what build.sh beside it needs, and curl; no network.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck source=test/image/build.sh
. test/image/build.sh
port=19898
names=()

cleanup() {
  for name in "${names[@]}"; do run_podman rm --force --time 5 "$name" >/dev/null 2>&1 || true; done
  discard_images
}
trap cleanup EXIT

fail() { echo "FAIL: $*" >&2; exit 1; }
pass() { echo "ok: $*"; }

# start NAME IMAGE [ARG...]: run an image on the machine's own network, hardened as a pod would be.
start() {
  local name=$1; shift
  names+=("$name")
  run_podman run --detach --name "$name" --read-only --read-only-tmpfs=false --cap-drop all \
    --security-opt no-new-privileges --network host --ulimit nofile=1024:1024 --ulimit nproc=512:512 "$@" >/dev/null
  for _ in $(seq 100); do
    curl -fsS --max-time 1 "http://127.0.0.1:$port/healthz" >/dev/null 2>&1 && return
    sleep 0.1
  done
  run_podman logs "$name" >&2
  fail "$name does not answer"
}

build_base GO_IMAGE
build_base DEBUG_IMAGE "$(command -v curl)"

build_image "$image:$version" --target final
pass "the Dockerfile builds $image:$version"
user=$(run_podman image inspect --format '{{.Config.User}}' "$image:$version")
[ "$user" = 65532:65532 ] || fail "the image's user is $user, not 65532:65532"
label=$(run_podman image inspect --format '{{index .Labels "org.opencontainers.image.revision"}}' "$image:$version")
[ "$label" = "$revision" ] || fail "the label names revision $label, not $revision"
run_podman image inspect --format '{{.Size}}' "$image:$version" | awk '{ printf "ok: the image holds %.1f MB\n", $1 / 1e6 }'

start podinfo "$image:$version" ./podinfo --host=127.0.0.1 --port=$port --cache-server=memory:// --data-path=/data
curl -fsS "http://127.0.0.1:$port/version" | grep -q "\"$revision\"" || fail "/version does not name the revision"
curl -fsS -d hello "http://127.0.0.1:$port/echo" | grep -qx hello || fail "/echo does not echo"
curl -sS -o /dev/null -w '%{http_code}' -d hello "http://127.0.0.1:$port/store" | grep -qx 500 ||
  fail "/store on a read-only root must answer 500"
curl -fsS -A Mozilla "http://127.0.0.1:$port/" | grep -qi '<html' || fail "the page is not served"
pass "podinfo serves as user 65532 with a read-only root and no capabilities"
run_podman exec podinfo podcli check http "127.0.0.1:$port/readyz" --retry 1 >/dev/null 2>&1 || fail "podcli does not run"
pass "podcli answers an exec probe"
pid=$(run_podman inspect --format '{{.State.Pid}}' podinfo)
[ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" = 65532 ] || fail "the process does not run as 65532"
run_podman stop --time 10 podinfo >/dev/null
[ "$(run_podman inspect --format '{{.State.ExitCode}}' podinfo)" = 0 ] || fail "SIGTERM did not end it with 0"
pass "SIGTERM ends it with 0"

mkdir "$work/data" && chown 65532:65532 "$work/data"
start writable --volume "$work/data:/data" "$image:$version" ./podinfo --host=127.0.0.1 --port=$port
curl -fsS -d hello "http://127.0.0.1:$port/store" | grep -q aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d ||
  fail "/store does not keep a file on a mounted volume"
run_podman stop --time 10 writable >/dev/null
pass "/store writes to a mounted volume"

build_image "$image:$version-debug" --target debug
start debug "$image:$version-debug" ./podinfo --host=127.0.0.1 --port=$port
run_podman exec debug sh -c "curl -fsS http://127.0.0.1:$port/version" | grep -q "\"$revision\"" ||
  fail "the debug image has no shell and curl"
run_podman stop --time 10 debug >/dev/null
pass "the debug image has a shell and curl"

build_image "$image-knative:$version" --target final --build-arg TARGET=knative
start knative --env PORT=$port --env K_SERVICE=podinfo --env K_REVISION=podinfo-00001 --env K_CONFIGURATION=podinfo \
  --env PODINFO_HOST=127.0.0.1 --env PODINFO_PORT_METRICS=0 "$image-knative:$version"
curl -fsS "http://127.0.0.1:$port/api/info" | grep -q '"k_revision": "podinfo-00001"' ||
  fail "the Knative image does not name its revision"
curl -fsS --http2-prior-knowledge -o /dev/null -w '%{http_version}' "http://127.0.0.1:$port/version" | grep -qx 2 ||
  fail "the Knative image does not speak h2c on its port"
run_podman stop --time 10 knative >/dev/null
[ "$(run_podman inspect --format '{{.State.ExitCode}}' knative)" = 0 ] || fail "SIGTERM did not end the Knative image with 0"
pass "TARGET=knative serves HTTP/1.1 and h2c on PORT, and stops with 0"
echo "9 passed, 0 failed"
