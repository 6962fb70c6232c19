#!/bin/sh
# Instructions that an image costs on 64-bit ARM, by instruction set: MODEL over the images of PACK with quench-agent under
# QEMU, whose plugin counts what is executed; loading cancels out between 1 and 3 images.
#
#   sudo apt-get install qemu-user     (qemu-user-static takes no plugins)
#   make agent && bench/arm_instructions/count.sh MODEL PACK
set -eu
[ $# -eq 2 ] || { echo "usage: $0 MODEL PACK" >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
agent=${AGENT:-$root/build/agent-aarch64/quench-agent}
qemu=${QEMU:-qemu-aarch64}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -shared -fPIC "$root/bench/arm_instructions/count.c" -o "$work/count.so"

instructions() { # cpu set images
  "$qemu" -cpu "$1" -plugin "$work/count.so" "$agent" eval "$model" --pack "$pack" --isa "$2" --limit "$3" --threads 1 \
    --out "$work/records.jsonl" 2>"$work/log" >/dev/null || { cat "$work/log" >&2; exit 1; }
  sed -n 's/^instructions //p' "$work/log"
}

model=$1 pack=$2
printf '%-12s %-12s %s\n' processor set "instructions an image"
for row in cortex-a57:plain cortex-a57:neon max:neon-dot; do
  cpu=${row%:*} set=${row#*:}
  one=$(instructions "$cpu" "$set" 1)
  three=$(instructions "$cpu" "$set" 3)
  printf '%-12s %-12s %s\n' "$cpu" "$set" $(((three - one) / 2))
done
