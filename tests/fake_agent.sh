#!/bin/sh
# Stands for quench-agent in tests: COMMAND MODEL... [--flag VALUE...]. A model is shell lines that set
#   steps    pieces of work (2)            pause   seconds each takes (0)
#   code     exit code (0)                 status  of the record (ok)
#   samples  of the record (none)          said    what it says of the images, for --predictions (nothing)
# With --state FILE it goes on behind the pieces that the file counts. It notes its arguments in $HOME/calls, and each
# piece of work in $HOME/work.
command=$1
shift
steps=2 pause=0 code=0 status=ok samples=null said= models=
while [ $# -gt 0 ]; do
  case $1 in
    --progress) [ "$2" = json ] || exit 2; shift 2 ;;
    --state) state=$2; shift 2 ;;
    --device) device=$2; shift 2 ;;
    --predictions) predictions=$2; shift 2 ;;
    --pack) pack=$2; shift 2 ;;
    --no-* | --digest | --multi-label) flags="$flags $1"; shift ;;
    --*) flags="$flags $1=$2"; shift 2 ;;
    *) models="$models $1"; . "$1"; shift ;;
  esac
done
echo "$command$flags pack=${pack:+$(cat "$pack")}" >>"$HOME/calls"
done=0
[ -n "$state" ] && [ -f "$state" ] && done=$(wc -l <"$state")
echo '{"event":"info","text":"hello from there"}' >&2
while [ "$done" -lt "$steps" ]; do
  [ "$pause" = 0 ] || sleep "$pause"
  done=$((done + 1))
  echo "$done" >>"$HOME/work"
  if [ -n "$state" ] && ! echo "$done" >>"$state"; then
    echo '{"event":"error","kind":"io","text":"[file] cannot write: No space left on device"}' >&2
    exit 3
  fi
  echo "{\"event\":\"progress\",\"phase\":\"eval\",\"done\":$done,\"total\":$steps,\"seconds\":$done}" >&2
done
if [ "$code" -gt 1 ]; then
  echo '{"event":"error","kind":"data","text":"[pack] expected images of 32 px, got 64"}' >&2
  exit "$code"
fi
[ -z "$predictions" ] || [ -z "$said" ] || echo "$said" >"$predictions"
for model in $models; do
  echo "{\"schema\":1,\"samples\":$samples,\"status\":\"$status\",\"cell\":\"$model\",\"device\":\"$device\",\"top1\":0.5}"
done
exit "$code"
