#!/bin/sh
# Writes the Go code of every .proto file below the directory $2 (proto/ beside this script by default) into the module
# that starts at $1 (this repository by default). Needs protoc and Go; the two plugins of protoc are pinned here and built
# into a temporary directory.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
module=$(cd "${1:-$here/..}" && pwd)
proto=$(cd "${2:-$here/proto}" && pwd)

plugins=$(mktemp -d)
trap 'rm -rf "$plugins"' EXIT
cd "$here"
GOFLAGS='' GOBIN="$plugins" go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
GOFLAGS='' GOBIN="$plugins" go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2

# The paths given to protoc are the file names that reflection shows, so they start below the directory.
cd "$proto"
find . -name '*.proto' | sed 's|^\./||' | LC_ALL=C sort | PATH="$plugins:$PATH" xargs protoc \
	--go_out="$module" --go_opt=module=github.com/podinfo-targets/podinfo \
	--go-grpc_out="$module" --go-grpc_opt=module=github.com/podinfo-targets/podinfo
