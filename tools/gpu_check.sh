#!/usr/bin/env bash
# Checks the CUDA backend on a machine with an NVIDIA GPU: builds what needs no packages, compares
# every op, the network and its training with the CPU, runs compute-sanitizer, times the network and
# its kernels beside PyTorch, prints a table last.
# Usage: tools/gpu_check.sh [BUILD_FOLDER]
#   LOOKBACK_CARRY    folder with doctest/doctest.h, for a machine that lacks it
#   LOOKBACK_CUDA_ARCH  architecture to build for (default 90)
#   LOOKBACK_STEPS    some of "tests sanitizer kernels forward train sample" (default all)
#   LOOKBACK_RESULTS  where the table is kept (default bench/results)
#   LOOKBACK_COMMIT   the commit to write down where git cannot tell
#   PYTHON            a Python with PyTorch (default python3); without one, no PyTorch is timed
# Exit: 0 all passed, 1 a check failed, 3 no GPU answers (everything was built).
set -uo pipefail
cd "$(dirname "$0")/.."

build=${1:-build/gpu_check}
results=${LOOKBACK_RESULTS:-bench/results}
commit=${LOOKBACK_COMMIT:-$(git describe --always --dirty 2>/dev/null || echo unknown)}
steps=" ${LOOKBACK_STEPS:-tests sanitizer kernels forward train sample} "
python=${PYTHON:-python3}
log=$build/log
failed=0
table=()

# check NAME COMMAND...: runs it, keeps its output, adds a line to the table.
check() {
  local name=$1 start=$SECONDS outcome=passed out=$log/${1// /_}
  shift
  echo "== $name: $*"
  if ! "$@" >"$out" 2>&1; then
    outcome=FAILED
  elif grep -q '^SKIPPED:' "$out"; then
    outcome=SKIPPED
  fi
  if [ $outcome != passed ]; then
    failed=1
    tail -n 40 "$out"
  fi
  local counts
  counts=$(grep -hE 'assertions:|ERROR SUMMARY|RACECHECK SUMMARY' "$out" | tail -n 1 | tr -s ' =' ' ')
  table+=("$(printf '%-28s %-8s %5d s  %s' "$name" $outcome $((SECONDS - start)) "$counts")")
}

build_all() {
  cmake -S tools/gpu_check -B "$build" -DCMAKE_BUILD_TYPE=Release -DCARRY="${LOOKBACK_CARRY:-}" \
    -DCMAKE_CUDA_ARCHITECTURES="${LOOKBACK_CUDA_ARCH:-90}" &&
    cmake --build "$build" --parallel "$(nproc)"
}

mkdir -p "$log" "$results"
check build build_all
if [ $failed = 1 ]; then
  echo "gpu_check: the build failed; see $log/build"
  exit 1
fi

if ! device=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>&1 | head -n 1) || [ -z "$device" ]; then
  printf '%s\n' "${table[@]}"
  echo "gpu_check: no NVIDIA GPU answers on this machine ($device); nothing was run on a device"
  exit 3
fi

test_gpu=$build/test_gpu
if [[ $steps == *" tests "* ]]; then
  check "engine on this CPU" "$test_gpu" -tce='cuda:*'
  check "ops against the CPU" "$test_gpu" -tc='cuda:*' -tce='cuda: *train*,cuda: *graph*'
  check "network against the CPU" "$test_gpu" -tc='cuda: *train*,cuda: *graph*'
fi
if [[ $steps == *" sanitizer "* ]]; then
  for tool in memcheck racecheck synccheck initcheck; do
    check "$tool" compute-sanitizer --tool $tool --error-exitcode 9 "$test_gpu" \
      -tc='cuda: every op and gradient*,cuda: a convolution on tensor cores*'
  done
fi
timings=()
for part in kernels forward train sample; do
  [[ $steps == *" $part "* ]] || continue
  if ! "$python" -c 'import torch' 2>"$log/torch"; then
    table+=("$part: not timed, for $python has no PyTorch")
    continue
  fi
  check "$part beside PyTorch" "$python" bench/compare_pytorch_cuda.py --only $part \
    --server "$build/bench_cuda_server"
  timings+=("$log/${part}_beside_PyTorch")
done

report=$results/gpu_check-$(date -u +%Y%m%dT%H%M%SZ).txt
{
  echo "gpu_check $(date -u +%FT%TZ), commit $commit, device $device, $(nvcc --version | grep -o 'release [0-9.]*')"
  [ ${#timings[@]} = 0 ] || cat "${timings[@]}"
  printf '%s\n' "${table[@]}"
} | tee "$report"
exit $failed
