#!/bin/sh
# Stands for TensorRT's trtexec in tests: takes the flags that its version's --help lists and no other, and writes files
# of the documented forms (TensorRT's open sources, samples/common/sampleOptions.cpp and sampleReporting.cpp). Lies in a
# folder with
#   version   8.2.1, 8.6.2 or 10.3.0
#   outputs   a line for each output: NAME DIMENSIONS of one image
#   log       its command lines, appended
#   and, where something shall go wrong: fail-build, fail-load, fail-run, nan-outputs (each with the words to say)
# Output j of image i is the mean of the image's values plus j.
here=$(dirname "$0")
version=$(cat "$here/version")
echo "$*" >>"$here/log"

case $version in
  10.*) number=100300 ;;
  *) number=$(echo "$version" | awk -F. '{ printf "%d", $1 * 1000 + $2 * 100 + $3 }') ;;
esac
echo "&&&& RUNNING TensorRT.trtexec [TensorRT v$number] # $0 $*"

help() {
  cat <<END
=== Model Options ===
  --onnx=<file>               ONNX model

=== Build Options ===
  --minShapes=spec            Build with dynamic shapes using a profile with the min shapes provided
  --noTF32                    Disable tf32 precision (default is to enable tf32, in addition to fp32)
  --fp16                      Enable fp16 precision, in addition to fp32 (default = disabled)
  --int8                      Enable int8 precision, in addition to fp32 (default = disabled)
  --saveEngine=<file>         Save the serialized engine
  --loadEngine=<file>         Load a serialized engine
END
  case $version in
    8.[0-3].*) cat <<END
  --workspace=N               Set workspace size in megabytes (default = 16)
END
    ;;
    *) cat <<END
  --memPoolSize=poolspec      Specify the size constraints of the designated memory pool(s) in MiB.
  --skipInference             Exit after the engine has been built and skip inference perf measurement (default = disabled)
END
    ;;
  esac
  cat <<END

=== Inference Options ===
  --shapes=spec               Set input shapes for dynamic shapes inference inputs.
  --loadInputs=spec           Load input values from files (default = generate random inputs).
  --iterations=N              Run at least N inference iterations (default = 10)
  --warmUp=N                  Run for N milliseconds to warmup before measuring performance (default = 200)
  --duration=N                Run performance measurements for at least N seconds wallclock time (default = 3)
  --exposeDMA                 Serialize DMA transfers to and from device (default = disabled).
  --noDataTransfers           Disable DMA transfers to and from device (default = enabled).
  --separateProfileRun        Do not attach the profiler in the benchmark run
END
  case $version in
    8.[0-3].*) echo "  --buildOnly                 Skip inference perf measurement (default = disabled)" ;;
  esac
  cat <<END

=== Reporting Options ===
  --exportTimes=<file>        Write the timing results in a json file (default = disabled)
  --exportOutput=<file>       Write the output tensors to a json file (default = disabled)
  --exportProfile=<file>      Write the profile information per layer in a json file (default = disabled)

=== Help ===
  --help, -h                  Print this message
END
}

failed() {
  echo "[11/23/2026-09:00:00] [E] $*" >&2
  echo "&&&& FAILED TensorRT.trtexec [TensorRT v$number] # $0"
  exit 1
}

known=$(help)
warmUp=200 iterations=10 duration=3
onnx= saveEngine= loadEngine= shapes= loadInputs= exportTimes= exportOutput= exportProfile= skip=
for argument; do
  flag=${argument%%=*}
  if [ "$flag" = --help ]; then
    help
    exit 0
  fi
  case $known in
    *"$flag="* | *"$flag "* | *"$flag,"*) ;;
    *) failed "Unknown option: $flag" ;;
  esac
  value=${argument#*=}
  case $flag in
    --skipInference | --buildOnly) skip=1 ;;
    --onnx | --saveEngine | --loadEngine | --shapes | --loadInputs | --exportTimes | --exportOutput | --exportProfile | \
      --warmUp | --iterations | --duration) eval "${flag#--}=\$value" ;;
  esac
done

if [ -n "$onnx" ]; then
  [ -s "$onnx" ] || failed "Could not open file $onnx"
  [ -f "$here/fail-build" ] && failed "$(cat "$here/fail-build")"
  echo "[11/23/2026-09:00:01] [I] Engine built in 1.5 sec."
  echo "engine of $shapes" >"$saveEngine"
fi
if [ -n "$loadEngine" ]; then
  [ -f "$here/fail-load" ] && failed "$(cat "$here/fail-load")"
  [ "$(cat "$loadEngine")" = "engine of $shapes" ] || failed "Engine deserialization failed"
fi
if [ -n "$skip" ]; then
  echo "&&&& PASSED TensorRT.trtexec [TensorRT v$number] # $0"
  exit 0
fi

echo "[11/23/2026-09:00:02] [I] Starting inference"
[ -f "$here/fail-run" ] && failed "$(cat "$here/fail-run")"
input=${loadInputs#*:}
dimensions=${shapes#*:}
bytes=$(echo "$dimensions" | awk -Fx '{ n = 4; for (i = 1; i <= NF; ++i) n *= $i; print n }')
[ "$(wc -c <"$input")" -eq "$bytes" ] || failed "Note that the file size of $input is not $bytes"
echo "[11/23/2026-09:00:03] [I] Warmup completed 3 queries over $warmUp ms"
echo "[11/23/2026-09:00:03] [I] Timing trace has $iterations queries over $duration s"
echo "[11/23/2026-09:00:03] [I] "
echo "[11/23/2026-09:00:03] [I] === Trace details ==="

if [ -n "$exportTimes" ]; then
  # Run k takes 0.2 + 4 + k / 1000 + 0.3 ms. Older versions write the warm-up too.
  awk -v warm="$warmUp" -v runs="$iterations" -v version="$version" 'BEGIN {
    early = version ~ /^8\.[0-5]\./ ? 3 : 0
    print "["
    for (k = -early; k < runs; ++k) {
      start = k < 0 ? 10 * (k + early) : warm + 5 * k
      compute = k < 0 ? 50 : 4 + k / 1000
      printf "%s{ \"startEnqMs\" : %g, \"endEnqMs\" : %g", (k == -early ? "  " : ", "), start, start + 0.1
      printf ", \"startH2dMs\" : %g, \"endH2dMs\" : %g", start, start + 0.2
      printf ", \"startComputeMs\" : %g, \"endComputeMs\" : %g", start + 0.2, start + 0.2 + compute
      printf ", \"startD2hMs\" : %g, \"endD2hMs\" : %g", start + 0.2 + compute, start + 0.5 + compute
      printf ", \"h2dMs\" : 0.2, \"computeMs\" : %g, \"d2hMs\" : 0.3, \"latencyMs\" : %g", compute, compute + 0.5
      if (early) printf ", \"endToEndMs\" : %g", compute + 0.5
      print " }"
    }
    print "]"
  }' >"$exportTimes"
fi
if [ -n "$exportProfile" ]; then
  cat >"$exportProfile" <<END
[
  { "count" : 625 }
, { "name" : "Reformatting CopyNode for Input Tensor 0 to /model.0/conv/Conv", "timeMs" : 62.5, "averageMs" : 0.1, "percentage" : 2.5 }
, { "name" : "/model.0/conv/Conv + PWN(PWN(/model.0/act/Sigmoid), /model.0/act/Mul)", "timeMs" : 2437.5, "averageMs" : 3.9, "percentage" : 97.5 }
]
END
fi
if [ -n "$exportOutput" ]; then
  batch=${dimensions%%x*}
  od -An -v -tf4 -w4 "$input" | awk -v batch="$batch" -v outputs="$here/outputs" -v nan="$([ -f "$here/nan-outputs" ] && echo 1)" '
    { value[NR - 1] = $1 }
    END {
      size = NR / batch
      for (i = 0; i < batch; ++i) {
        for (k = 0; k < size; ++k) mean[i] += value[i * size + k] / size
      }
      print "["
      separator = "  "
      while ((getline line < outputs) > 0) {
        split(line, word, " ")
        count = split(word[2], side, "x")
        each = 1
        for (k = 1; k <= count; ++k) each *= side[k]
        printf "%s{ \"name\" : \"%s\"\n  , \"dimensions\" : \"%dx%s\"\n  , \"values\" : [ ", separator, word[1], batch, word[2]
        for (k = 0; k < batch * each; ++k) {
          printf "%s%s", k ? ", " : "", nan ? (k % 2 ? "-inf" : "nan") : sprintf("%.6g", mean[int(k / each)] + k % each)
        }
        print " ]\n  }"
        separator = ", "
      }
      print "]"
    }' >"$exportOutput"
fi
echo "&&&& PASSED TensorRT.trtexec [TensorRT v$number] # $0"
