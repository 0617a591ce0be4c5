#!/usr/bin/env bash
# Runs every fuzz target for the time in $1 (20s), one per processor side by side. A target fails when it finds an input
# that breaks its promise; that a worker was still busy when the time was up (https://go.dev/issue/75804, mended in Go
# 1.27) is no finding.
set -euo pipefail
cd "$(dirname "$0")/.."
export fuzztime=${1:-20s}

fuzz() {
  local dir=$1 name=$2 log
  log=$(mktemp)
  if go test -run='^$' -fuzz="^$name\$" -fuzztime="$fuzztime" -parallel=1 "$dir" >"$log" 2>&1 ||
    { grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; }; then
    echo "ok $dir $name"
    rm -f "$log"
    return
  fi
  echo "FAIL $dir $name"
  cat "$log"
  rm -f "$log"
  return 1
}
export -f fuzz

targets=$(grep -rHoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed -E 's|/[^/]*:func | |' | sort)
[ -n "$targets" ] || { echo "no fuzz targets found" >&2; exit 1; }
xargs -P "$(nproc)" -L 1 bash -c 'fuzz "$@"' fuzz <<<"$targets"
echo "$(wc -l <<<"$targets") passed, 0 failed"
