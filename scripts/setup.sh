#!/usr/bin/env bash
# Installs what quench needs on Debian 12 or later (or Ubuntu 22.04 or later): distribution packages, and ONNX Runtime.
# Does nothing where all is there. Needs root or sudo only where a package is missing.
#   scripts/setup.sh            everything
#   scripts/setup.sh --base     what the preset `base` needs (no LibTorch, no OpenCV)
#   scripts/setup.sh --agent    what the presets `agent` and `agent-aarch64` need (no LibTorch, no OpenCV)
#   scripts/setup.sh --tests    what tests of clusters and devices start on loopback: Slurm and sshd, none of which has to run as a service
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/npm_package.sh"
. "$here/apt_package.sh"

base_packages=(g++ cmake ninja-build ccache git ca-certificates pkg-config curl openssl
  libfmt-dev nlohmann-json3-dev libcli11-dev libmd-dev libyaml-cpp-dev libzip-dev zlib1g-dev libjpeg-dev libpng-dev libprotobuf-dev
  protobuf-compiler libcairo2-dev fonts-dejavu-core libonnx-dev libgtest-dev libbenchmark-dev openssh-client)
# Of OpenCV only the parts that are used: all of it would bring VTK (docs/building.md).
lab_packages=(libtorch-dev libgloo-dev libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libopencv-videoio-dev
  libfreetype-dev fonts-droid-fallback fonts-unifont libopenblas-dev libcurl4-openssl-dev coinor-libcbc-dev dataset-fashion-mnist)

agent_packages=(g++-aarch64-linux-gnu qemu-user-static)
test_packages=(slurm-wlm openssh-server openssh-client)

packages=("${base_packages[@]}")
case ${1:-} in
  --base) ;;
  --agent) packages+=("${agent_packages[@]}") ;;
  --tests) packages=("${test_packages[@]}") ;;
  *) packages+=("${lab_packages[@]}") ;;
esac

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  as_root apt-get update -q >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
fi

[ "${1:-}" != --tests ] || exit 0

if [ "${1:-}" = --agent ]; then
  exec "$here/fetch_agent_packages.sh"
fi

"$here/fetch_echarts.sh" || say "report pages will have no charts"

# --- ONNX Runtime: the system's where there is one, else headers from Debian 13's package and the library from npm.
version=1.30.0
root=${QUENCH_ONNXRUNTIME_ROOT:-$HOME/.cache/quench/deps/onnxruntime}
integrity='sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw=='

if dpkg-query -W -f='${Status}' libonnxruntime-dev 2>/dev/null | grep -q 'ok installed'; then
  exit 0
fi
if [ -f "$root/include/onnxruntime_c_api.h" ] && [ -f "$root/lib/libonnxruntime.so.1" ]; then
  exit 0
fi
if [ -n "$(apt-cache madison libonnxruntime-dev 2>/dev/null)" ]; then
  say "installing libonnxruntime-dev"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q libonnxruntime-dev >&2
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch_headers() {
  local mirror
  mirror=$(apt_mirror debian)
  apt_packages "$work" \
    "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie main" \
    "$(dpkg --print-architecture)" libonnxruntime-dev || return 1
  mkdir -p "$work/headers" "$root/include"
  dpkg-deb -x "$work"/libonnxruntime-dev_*.deb "$work/headers" || return 1
  find "$work/headers/usr/include" -name '*.h' -exec cp {} "$root/include/" \;
}

fetch_library() {
  local arch package
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) say "no ONNX Runtime library for $(uname -m)"; return 1 ;;
  esac
  package=$(npm_package onnxruntime-node "$version" "$integrity" "$work") || return 1
  mkdir -p "$root/lib"
  tar -xzf "$package" -C "$work" "package/bin/napi-v6/linux/$arch/libonnxruntime.so.1"
  mv "$work/package/bin/napi-v6/linux/$arch/libonnxruntime.so.1" "$root/lib/"
}

say "fetching ONNX Runtime $version into $root"
if ! { fetch_headers && fetch_library; }; then
  say "could not fetch ONNX Runtime: building without it (see docs/runtimes.md)"
fi
