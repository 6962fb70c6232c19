#!/bin/sh
# Cycles of the innermost loops with many multiplications in an object file for 64-bit ARM, by LLVM's model of a processor:
# an estimate without memory, not a measurement.
#
#   sudo apt-get install llvm
#   make agent && bench/arm_instructions/cycles.sh OBJECT [CPU]
#
# OBJECT: build/agent-aarch64/src/runtime/CMakeFiles/quench_runtime.dir/native/kernels_neon.cpp.o, say. Prints for each loop
# its function, cycles a turn, instructions, products (16 a `smull` with its `smlal`, 16 a `sdot`, 4 a `fmla`), products a cycle.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 OBJECT [CPU]" >&2; exit 2; }
cpu=${2:-cortex-a57}
mca=${MCA:-llvm-mca}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each loop without another jump inside becomes a file: "function products" in the first line, then assembly.
aarch64-linux-gnu-objdump -d -C --no-show-raw-insn "$1" | awk -v folder="$work" '
  /^[0-9a-f]+ </ { name = $0; sub(/\(quench.*/, "", name); sub(/.*::/, "", name); sub(/>:$/, "", name); sub(/\(.*/, "", name); count = 0; next }
  /^ +[0-9a-f]+:/ {
    place = $1; sub(/:/, "", place); at[++count] = sprintf("%16s", place); op[count] = $2
    text = $0; sub(/^ +[0-9a-f]+:[ \t]+/, "", text); sub(/\/\/.*/, "", text); line[count] = text
    if ($2 !~ /^(b\.|cbn?z)/) next
    target = text; sub(/ *<.*/, "", target); sub(/.*[ \t,]/, "", target); target = sprintf("%16s", target)
    if (target >= at[count]) next
    products = 0
    for (i = count - 1; i > 0 && at[i] >= target; --i) {
      if (op[i] ~ /^(b|b\..*|cbn?z|tbn?z|ret|bl)$/) next
      products += op[i] ~ /^smu?l[al]/ ? 8 : op[i] == "sdot" ? 16 : op[i] == "fmla" ? 4 : 0
    }
    if (products < 48) next
    file = folder "/" ++loops
    print name, products > file
    print "loop:" > file
    for (++i; i < count; ++i) { sub(/ <.*/, "", line[i]); print line[i] > file }
    sub(/[0-9a-f]+ <.*/, "loop", line[count]); print line[count] > file
    close(file)
  }'

printf '%-34s %8s %12s %9s %s\n' loop cycles instructions products "products a cycle"
for loop in "$work"/*; do
  read -r name <"$loop"
  sed 1d "$loop" >"$work/asm"
  "$mca" -mtriple=aarch64-linux-gnu -mcpu="$cpu" -mattr=+dotprod -iterations=200 "$work/asm" | awk -v name="$name" '
    /^Instructions:/ { instructions = $2 / 200 }
    /^Total Cycles:/ { cycles = $3 / 200 }
    END { products = name; sub(/.* /, "", products); sub(/ [0-9]+$/, "", name)
          printf "%-34s %8.1f %12d %9d %.2f\n", name, cycles, instructions, products, products / cycles }'
done | sort
