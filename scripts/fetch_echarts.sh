#!/usr/bin/env bash
# Fetches ECharts (the charting library of report pages, Apache-2.0) from the npm registry, checks it and unpacks the one
# file that is embedded. Does nothing where it is there. The build works without: pages then have no charts.
set -euo pipefail
. "$(dirname "$0")/npm_package.sh"

version=6.1.0
root=${QUENCH_ECHARTS_ROOT:-$HOME/.cache/quench/deps/echarts}
file=echarts.common.min.js
# sha512 of the npm package and sha256 of the file in it
integrity='sha512-q0yaFPggC9FUdsWH4blavRWFmxdrIodbkoKNAjJudAI6CA9gNPxHtV2RcZNEepZVlk4yvBYkOkbk6HIVpIyHZA=='
sha256=61f13280aba3161f77fc801bf5f9c786f55f10432153a0683fc5cc0700b013d5

if [ -f "$root/$file" ] && echo "$sha256  $root/$file" | sha256sum --status -c; then
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "fetching ECharts $version into $root"
package=$(npm_package echarts "$version" "$integrity" "$work")
tar -xzf "$package" -C "$work" "package/dist/$file" package/LICENSE package/NOTICE
mkdir -p "$root"
mv "$work/package/LICENSE" "$work/package/NOTICE" "$root/"
mv "$work/package/dist/$file" "$root/$file"
