#!/usr/bin/env bash
# Fetches what quench-agent is linked with on aarch64 (headers and static archives of the distribution's arm64 packages)
# into a folder of its own; the system's architectures stay as they are. Does nothing where all is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/npm_package.sh"
. "$here/apt_package.sh"

root=${QUENCH_AGENT_SYSROOT:-$HOME/.cache/quench/deps/aarch64-linux-gnu}
. /etc/os-release
jpeg=libjpeg62-turbo-dev
[ "$ID" = ubuntu ] && jpeg=libjpeg-turbo8-dev
packages=(libprotobuf-dev zlib1g-dev libmd-dev "$jpeg" libpng-dev libfmt-dev nlohmann-json3-dev libcli11-dev)
# What is there must be of this release: protobuf's headers must be those of its compiler.
stamp="$ID $VERSION_CODENAME ${packages[*]}"
[ "$(cat "$root/packages" 2>/dev/null)" = "$stamp" ] && exit 0

case $ID in
  ubuntu)
    source="[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://ports.ubuntu.com/ubuntu-ports $VERSION_CODENAME main universe"
    ;;
  *)
    mirror=$(apt_mirror debian)
    source="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $VERSION_CODENAME main"
    ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "fetching ${packages[*]} for arm64 into $root"
apt_packages "$work" "$source" arm64 "${packages[@]}"
rm -rf "$root"
mkdir -p "$root"
for file in "$work"/*.deb; do dpkg-deb -x "$file" "$root"; done
echo "$stamp" >"$root/packages"
