#!/usr/bin/env bash
# Fetches ECharts (the charting library of report pages, Apache-2.0) from the npm registry, checks it and unpacks the one
# file that is embedded. Does nothing where it is there. The build works without: pages then have no charts.
set -euo pipefail

version=6.1.0
root=${QUENCH_ECHARTS_ROOT:-$HOME/.cache/quench/deps/echarts}
file=echarts.common.min.js
# sha512 of the npm package (Subresource Integrity, as the registry states it) and sha256 of the file in it
integrity='sha512-q0yaFPggC9FUdsWH4blavRWFmxdrIodbkoKNAjJudAI6CA9gNPxHtV2RcZNEepZVlk4yvBYkOkbk6HIVpIyHZA=='
sha256=61f13280aba3161f77fc801bf5f9c786f55f10432153a0683fc5cc0700b013d5

say() { echo "setup: $*" >&2; }

if [ -f "$root/$file" ] && echo "$sha256  $root/$file" | sha256sum --status -c; then
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$work/echarts-$version.tgz

say "fetching ECharts $version into $root"
if command -v npm >/dev/null; then
  (cd "$work" && npm pack --silent "echarts@$version" >/dev/null 2>&1) || true
fi
if [ ! -f "$package" ]; then
  registry=https://registry.npmjs.org/
  if command -v npm >/dev/null; then registry=$(npm config get registry 2>/dev/null || echo "$registry"); fi
  if ! curl -fsSL --retry 3 -o "$package" "${registry%/}/echarts/-/echarts-$version.tgz"; then
    say "could not fetch ECharts: report pages will have no charts"
    exit 1
  fi
fi
got=sha512-$(openssl dgst -sha512 -binary "$package" | base64 -w0)
if [ "$got" != "$integrity" ]; then
  say "echarts $version: expected $integrity, got $got"
  exit 1
fi
tar -xzf "$package" -C "$work" "package/dist/$file" package/LICENSE package/NOTICE
mkdir -p "$root"
mv "$work/package/LICENSE" "$work/package/NOTICE" "$root/"
mv "$work/package/dist/$file" "$root/$file"
