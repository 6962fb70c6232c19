#!/bin/sh
# From a folder of labelled pictures and released weights to a quantized detector on a board, and in a C++ program of one's own:
#   examples/from-pictures-to-board.sh DATA.yaml WEIGHTS.pt OUT [PICTURES]
# DATA.yaml describes the data as Roboflow or Ultralytics does, with train and valid; OUT is a new folder (the same one with the same
# settings goes on after a stop); PICTURES are predicted at the end
# (default: valid/images beside DATA.yaml). The settings below suit a few dozen pictures: IMGSZ, EPOCHS and BATCH may be set in the environment.
# `quench` and `quench-agent` are those of PATH (make install PREFIX=$HOME/quench; PATH=$HOME/quench/bin:$PATH). Docs: docs/from-pictures-to-board.md.
set -eu
if [ $# -lt 3 ] || [ $# -gt 4 ]; then
  echo "usage: $0 DATA.yaml WEIGHTS.pt OUT [PICTURES]" >&2
  exit 2
fi
data=$1 weights=$2 out=$3
pictures=${4:-$(dirname "$data")/valid/images}
here=$(dirname "$(readlink -f "$0")")
: "${IMGSZ:=320}" "${EPOCHS:=30}" "${BATCH:=4}"
if [ ! -d "$pictures" ]; then
  echo "$0: $pictures is no folder: name the folder of pictures to predict as the fourth argument" >&2
  exit 2
fi
mkdir -p "$out"

# 1. The data: what is wrong with the labels, before anything is trained.
quench data check "$data"

# 2. The model: what the released weights know, trained further on the pictures. The first ten rows (the backbone) stay as they are.
quench train --model yolov5n --pretrained "$weights" --data "$data" --imgsz "$IMGSZ" --epochs "$EPOCHS" --batch "$BATCH" --freeze 10 \
  --lr 0.01 --warmup-epochs 2 --augment-off-epochs 5 --eval-every 10 -o "$out/float.onnx"

# 3. Integers, and what they cost.
quench quantize "$out/float.onnx" --data "$data" -o "$out/int8.onnx"
quench eval "$out/int8.onnx" --data "$data" --agreement

# 4. On the board: one static program and one file. (Here it runs on this machine; on a board: `scp`, or `quench predict --device ssh://user@board`.)
quench-agent predict "$out/int8.onnx" --source "$pictures" --draw "$out/drawn" --format tab > "$out/agent.tsv"

# 5. In a program of one's own, over the same pictures (the agent reads JPEG, PNG and PPM).
prefix=$(dirname "$(dirname "$(command -v quench)")")
cmake -S "$here/cpp" -B "$out/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" > "$out/build.log"
cmake --build "$out/build" --target pictures >> "$out/build.log"
find "$pictures" -maxdepth 1 -type f ! -name '.*' \( -iname '*.jpg' -o -iname '*.jpeg' -o -iname '*.png' -o -iname '*.ppm' \) -print0 |
  LC_ALL=C sort -z | xargs -0 "$out/build/pictures" "$out/int8.onnx" > "$out/library.tsv"

# 6. Both see the same.
if ! diff "$out/agent.tsv" "$out/library.tsv"; then
  echo "$0: the agent (<) and the library (>) differ" >&2
  exit 1
fi
echo "the agent and the library agree on $(wc -l < "$out/agent.tsv") boxes"
cut -f 1-3 "$out/agent.tsv" | head -n 5
