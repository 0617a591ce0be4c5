# shellcheck shell=bash
# Builds images of the Dockerfile with buildah, without a network; to be sourced by a script at the root of the
# repository. Needs root, buildah, podman, runc, busybox-static and a filled Go module cache.
#
# Everything lies in the directory $work, which discard_images removes. The base images are not pulled: stand-ins under
# the names that the Dockerfile uses are made on the spot by build_bases, the toolchain one from this machine's Go.
export STORAGE_DRIVER=vfs
work=$(mktemp -d)
store=(--root "$work/storage" --runroot "$work/run")
image=ghcr.io/podinfo-targets/podinfo
version=$(sed -n 's/^const Version = "\(.*\)"/\1/p' shared/version/version.go)
revision=$(git rev-parse HEAD)

run_podman() { podman --cgroup-manager cgroupfs --runtime runc "${store[@]}" "$@"; }
run_buildah() { buildah "${store[@]}" "$@"; }

discard_images() {
  run_buildah rm --all >/dev/null 2>&1 || true
  umount -R "$work/storage" 2>/dev/null || true
  rm -rf "$work"
}

# with_libraries ROOT FILE...: copy files of this machine under ROOT, with the shared libraries that they need.
with_libraries() {
  local root=$1 file; shift
  for file in "$@"; do
    # shellcheck disable=SC2046 # one word for each library is what is meant
    cp --parents -L "$file" $(ldd "$file" | grep -o '/[^ ]*') "$root"
  done
}

# from_directory ROOT NAME [OPTION...]: an image of one layer that holds ROOT, with buildah config's options.
from_directory() {
  local root=$1 name=$2 container; shift 2
  container=$(run_buildah from scratch)
  run_buildah copy -q "$container" "$root" / >/dev/null
  run_buildah config "$@" "$container"
  run_buildah commit -q "$container" "$name" >/dev/null
  run_buildah rm "$container" >/dev/null
}

# build_base ARG [FILE...]: the base image that the Dockerfile's ARG names, of busybox and the given files.
build_base() {
  local name root applet
  name=$(sed -n "s/^ARG $1=//p" Dockerfile); shift
  root=$(mktemp -d -p "$work")
  mkdir -p "$root/bin" "$root/etc/ssl/certs" "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for applet in $("$root/bin/busybox" --list | grep -vx busybox); do ln -s busybox "$root/bin/$applet"; done
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  with_libraries "$root" "$@"
  from_directory "$root" "$name" --env PATH=/usr/local/go/bin:/usr/bin:/bin --env HOME=/root --env GOTOOLCHAIN=local
}

# build_image NAME [ARG...]: the Dockerfile, with this machine's toolchain, modules and build cache mounted.
build_image() {
  local name=$1; shift
  run_buildah build --isolation chroot --network host --pull-never --quiet \
    --volume "$(go env GOROOT):/usr/local/go:ro" --volume "$(go env GOMODCACHE):/root/go/pkg/mod" \
    --volume "$(go env GOCACHE):/root/.cache/go-build" --env GOPROXY=off --env GOFLAGS= \
    --build-arg VERSION="$version" --build-arg REVISION="$revision" \
    --build-arg BUILD_DATE="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -t "$name" "$@" . >/dev/null
}
