#!/usr/bin/env bash
# Trains a classifier and a detector for 200 steps on the CPU, on a GPU, and on it with mixed precision; prints losses and
# images a second, and compares the losses. For a workstation with an NVIDIA GPU; see docs/building.md.
#   QUENCH_TORCH=FOLDER scripts/gpu_check.sh     builds with that LibTorch (PyPI's torch, with its CUDA libraries)
#   QUENCH_CHECK_STEPS=4                         fewer steps: tries the script itself
#   QUENCH_CHECK_DETECTION=data.yaml             detection data instead of cifar100-scenes
#   QUENCH_PROGRAM=build/release/quench          a program that is built already
set -euo pipefail
cd "$(dirname "$0")/.."
steps=${QUENCH_CHECK_STEPS:-200}
build=build/gpu-check
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "gpu_check: $*"; }

options=(-DCMAKE_BUILD_TYPE=Release -DQUENCH_TESTS=OFF)
if [ -n "${QUENCH_TORCH:-}" ]; then
  options+=("-DQUENCH_TORCH=$QUENCH_TORCH")
  if [ -e "$QUENCH_TORCH/lib/libtorch_cuda.so" ]; then options+=(-DQUENCH_TORCH_CUDA=ON); fi
fi
if [ -n "${QUENCH_PROGRAM:-}" ]; then
  quench=$QUENCH_PROGRAM
else
  cmake -S . -B $build -G Ninja "${options[@]}" >/dev/null
  cmake --build $build --target quench
  quench=$build/quench
fi

# train NAME BATCH FLAGS...: prints one row, and keeps the loss in $work/NAME.loss. Fails where the training fails.
train() {
  local name=$1 batch=$2
  shift 2
  "$quench" train "$@" --train-limit $((steps * batch)) --test-limit 64 --batch "$batch" --epochs 1 --lr 0.01 \
    --workers 4 --no-resume --work "$work/$name" -o "$work/$name.onnx" >"$work/$name.log" 2>&1 || return 1
  awk -F, -v name="$name" -v loss="$work/$name.loss" '
    NR == 1 { for (i = 1; i <= NF; ++i) column[$i] = i; next }
    { printf "%-24s loss %8.4f   %8.1f images/s\n", name, $column["train_loss"], $column["images_per_second"]
      print $column["train_loss"] > loss }' "$work/$name/results.csv"
}

classifier=(--model yolov5n-cls --data shapes --imgsz 64)
detector=(--model yolov5n --data "${QUENCH_CHECK_DETECTION:-cifar100-scenes}" --imgsz 320)
kinds=(classifier)
if [ -n "${QUENCH_CHECK_DETECTION:-}" ] || "$quench" data fetch cifar100 >/dev/null 2>&1; then
  kinds+=(detector)
else
  say "CIFAR-100 cannot be had: no detector is trained"
fi
batch_of() { if [ "$1" = classifier ]; then echo 25; else echo 8; fi; }

for kind in "${kinds[@]}"; do
  declare -n flags=$kind
  train "$kind-cpu-fp32" "$(batch_of "$kind")" "${flags[@]}" || { tail -n 3 "$work/$kind-cpu-fp32.log"; exit 1; }
done

if ! train probe 4 "${classifier[@]}" --device cuda >/dev/null; then
  say "no training on CUDA here: $(tail -n 1 "$work/probe.log")"
  say "only the CPU was checked"
  exit 3
fi

# Mixed precision rounds to 11 bits; the same batches in another order of sums drift apart over the steps.
failed=0
for kind in "${kinds[@]}"; do
  declare -n flags=$kind
  for precision in fp32 amp; do
    name=$kind-cuda-$precision
    extra=()
    if [ $precision = amp ]; then extra=(--amp); fi
    train "$name" "$(batch_of "$kind")" "${flags[@]}" --device cuda "${extra[@]}" ||
      { tail -n 3 "$work/$name.log"; failed=1; continue; }
    paste "$work/$kind-cpu-fp32.loss" "$work/$name.loss" | awk -v name="$name" '
      { apart = ($2 - $1) / $1; if (apart < 0) apart = -apart
        printf "%-24s loss %.2f %% from the CPU\n", name, 100 * apart; exit !(apart <= 0.05) }' ||
      { say "$name: expected a loss within 5 % of the CPU"; failed=1; }
  done
done
if [ $failed = 0 ]; then say "CPU and CUDA agree"; fi
exit $failed
