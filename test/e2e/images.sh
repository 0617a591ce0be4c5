#!/usr/bin/env bash
# Writes one docker archive with all images that the end-to-end tests run:
#
#   podinfo, podinfo-knative    from the Dockerfile, under the version of this tree
#   dev.local/podinfo-knative   the same again: names of that registry Knative takes as they are, of every other one it
#                               asks the registry for the digest
#   podinfo:6.14.1              the same binary under the tag of the previous version, to upgrade from; a label says so
#   docker.io/redis:8.8.0       a stand-in for that tag: this machine's redis-server with the libraries that it needs
#   podinfo-plugins             from the Dockerfile, too: the sample plugins
#   loadgen                     test/e2e/loadgen
#   toolbox                     busybox, and two versions of the plugin test/e2e/echo
#
#   usage: images.sh ARCHIVE.tar
#
# Needs what test/image/build.sh needs, and redis-server.
set -euo pipefail
archive=$(realpath -m "$1")
cd "$(dirname "$0")/../.."
# shellcheck source=test/image/build.sh
. test/image/build.sh
trap discard_images EXIT

previous=$image:6.14.1
knative_local=dev.local/podinfo-knative:$version
redis=docker.io/redis:8.8.0
loadgen=ghcr.io/podinfo-targets/loadgen:e2e
toolbox=ghcr.io/podinfo-targets/toolbox:e2e

build_previous() {
  local container
  container=$(run_buildah from --pull-never "$image:$version")
  run_buildah config --label org.opencontainers.image.version=6.14.1 \
    --label org.opencontainers.image.description="podinfo $version under the tag of the previous version" "$container"
  run_buildah commit -q "$container" "$previous" >/dev/null
}

# The user, the port and the paths are those of the image that it stands in for.
build_redis() {
  local root=$work/redis
  mkdir -p "$root/usr/local/bin" "$root/data"
  with_libraries "$root" "$(command -v redis-server)" "$(command -v redis-cli)"
  ln -s "$(command -v redis-server)" "$(command -v redis-cli)" "$root/usr/local/bin/"
  chmod 1777 "$root/data"
  from_directory "$root" "$redis" --user 999:999 --env PATH=/usr/local/bin --workingdir /data --port 6379 \
    --cmd redis-server \
    --label org.opencontainers.image.description="a stand-in for $redis: $(redis-server --version)"
}

build_loadgen() {
  local root=$work/loadgen
  mkdir "$root"
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$root/loadgen" ./test/e2e/loadgen
  from_directory "$root" "$loadgen" --user 65532:65532 --entrypoint '["/loadgen"]'
}

build_toolbox() {
  local root=$work/toolbox version
  mkdir -p "$root/bin" "$root/echo"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for version in one two; do
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$root/echo/$version" ./test/e2e/echo
  done
  from_directory "$root" "$toolbox" --user 65532:65532
}

build_base GO_IMAGE
build_image "$image:$version" --target final
build_image "$image-knative:$version" --target final --build-arg TARGET=knative
run_buildah tag "$image-knative:$version" "$knative_local"
build_previous
build_redis
build_image "$image-plugins:$version" --target plugins
build_loadgen
build_toolbox
rm -f "$archive"
run_podman save --quiet --multi-image-archive --output "$archive" \
  "$image:$version" "$image-knative:$version" "$knative_local" "$previous" "$redis" "$loadgen" \
  "$image-plugins:$version" "$toolbox"
