#!/bin/sh
# Fetches the vendored part of Swagger UI from npm: the same bytes each time, or nothing. Needs npm and gzip.
# To update, set version and sha256 (sha256sum of what `npm pack swagger-ui-dist@VERSION` saves), run, and commit.
set -eu

version=5.35.0
sha256=1b8e891893404ea4c3558b6a87e2a3e494e7eedba41168c2ece5800a391a6ea6

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm pack --silent "swagger-ui-dist@$version" >/dev/null
archive=swagger-ui-dist-$version.tgz
echo "$sha256  $archive" | sha256sum --check --quiet
tar -xzf "$archive"

cd package
for file in swagger-ui.css swagger-ui-bundle.js; do
	gzip -9 --no-name --stdout "$file" >"$here/$file.gz"
done
install -m 644 favicon-32x32.png LICENSE NOTICE swagger-ui-bundle.js.LICENSE.txt "$here"
