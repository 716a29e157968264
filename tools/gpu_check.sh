#!/usr/bin/env bash
# Checks the CUDA backend on a machine with an NVIDIA GPU: builds what needs no packages, compares
# every op, the network and its training with the CPU, runs compute-sanitizer, draws the posterior of
# a mock galaxy, times the network and its kernels beside PyTorch, prints a table last.
# Usage: tools/gpu_check.sh [BUILD_FOLDER]
#   LOOKBACK_CARRY    folder that tools/gpu_check/carry.sh made, for a machine that lacks packages
#   LOOKBACK_CUDA_ARCH  architecture to build for (default 90)
#   LOOKBACK_STEPS    some of "tests sanitizer posterior precision profile kernels forward train sample"
#                     (default all)
#   LOOKBACK_RESULTS  where the table is kept (default bench/results)
#   LOOKBACK_COMMIT   the commit to write down where git cannot tell
#   PYTHON            a Python with PyTorch (default python3); without one, no PyTorch is timed
# Exit: 0 all passed, 1 a check failed or could not be run, 3 no GPU answers (everything was built).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

build=${1:-build/gpu_check}
carry=${LOOKBACK_CARRY:-}
results=${LOOKBACK_RESULTS:-bench/results}
commit=${LOOKBACK_COMMIT:-$(git describe --always --dirty 2>/dev/null || echo unknown)}
steps=" ${LOOKBACK_STEPS:-tests sanitizer posterior precision profile kernels forward train sample} "
architecture=${LOOKBACK_CUDA_ARCH:-90}
python=${PYTHON:-python3}
log=$build/log
device="no device"
failed=0
table=()
timings=()
for folder in /usr/local/cuda/bin /opt/nvidia/nsight-compute/*; do PATH=$PATH:$folder; done

wanted() { [[ $steps == *" $1 "* ]]; }

# line NAME OUTCOME TEXT: of the table.
line() { table+=("$(printf '%-28s %-8s %s' "$1" "$2" "$3")"); }

# check NAME COMMAND...: runs it, keeps its output, adds a line to the table; did it pass?
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
  line "$name" $outcome "$(printf '%5d s  %s' $((SECONDS - start)) "$counts")"
  [ $outcome = passed ]
}

finish() { # STATUS
  mkdir -p "$results"
  {
    echo "gpu_check $(date -u +%FT%TZ), commit $commit, device $device, nvcc $(nvcc --version 2>&1 | grep -o 'release [0-9.]*')"
    [ ${#timings[@]} = 0 ] || cat "${timings[@]}"
    printf '%s\n' "${table[@]}"
  } | tee "$results/gpu_check-$(date -u +%Y%m%dT%H%M%SZ).txt"
  exit "$1"
}

build_all() {
  cmake -S tools/gpu_check -B "$build" -DCMAKE_BUILD_TYPE=Release -DCARRY="$carry" \
    -DCMAKE_CUDA_ARCHITECTURES="$architecture" &&
    cmake --build "$build" --parallel "$(nproc)"
}

# The tools that need HDF5, CFITSIO and others: those carried here or, where the packages are, our own.
build_tools() {
  if [ -n "$carry" ] && [ -x "$carry/tools/sample" ]; then
    tools=$carry/tools test_inference=$carry/tools/test_inference
    "$tools/sample" --version && "$tools/sample" --version | grep -q 'CUDA: yes'
    return
  fi
  tools=$build/lookback/tools test_inference=$build/lookback/tests/test_inference
  cmake -S . -B "$build/lookback" -DCMAKE_BUILD_TYPE=Release -DLOOKBACK_CUDA=ON -DLOOKBACK_TESTS=ON \
    -DCMAKE_CUDA_ARCHITECTURES="$architecture" &&
    cmake --build "$build/lookback" --parallel "$(nproc)" --target tool_prepare tool_forward \
      tool_sample tool_train tool_report test_inference
}

with_carried_libraries() { LD_LIBRARY_PATH=${carry:+$carry/lib:}${LD_LIBRARY_PATH:-} "$@"; }

# timed NAME COMMAND...
timed() {
  local name=$1 start=${EPOCHREALTIME/./}
  shift
  "$@" || return
  echo "posterior: $name took $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
}

# The quick start's mock galaxy, 128 draws in each precision. Times are of whole commands; of the
# first on a GPU, its waking up too.
posterior() {
  local at=$build/posterior precision
  local sample=("$tools/sample" --prior tools/priors/synthetic.h5 --count 128 --seed 1 --overwrite)
  local galaxy=(--spectrum "$at/mock.h5" --ssp "$at/ssp.h5")
  mkdir -p "$at"
  timed "SSP grid" "$tools/prepare" ssp analytic -o "$at/ssp.h5" --overwrite &&
    timed "histories" "$tools/prepare" synthetic --count 8 --seed 2 -o "$at/truth.h5" --overwrite &&
    timed "mock spectrum" "$tools/forward" --ssp "$at/ssp.h5" --input "$at/truth.h5" --index 6 --count 1 \
      --redshift 0.05 --a-v 0.2 --snr 50 --seed 1 -o "$at/mock.h5" --overwrite || return
  for precision in fp32 tf32 bf16; do
    timed "128 draws of the posterior, $precision" "${sample[@]}" "${galaxy[@]}" --device cuda \
      --precision "$precision" -o "$at/posterior_$precision.h5" &&
      timed "128 draws of the prior in 1000 steps, $precision" "${sample[@]}" --device cuda \
        --precision "$precision" -o "$at/prior_$precision.h5" || return
  done
  timed "128 draws of the posterior, CPU" "${sample[@]}" "${galaxy[@]}" -o "$at/posterior_cpu.h5"
}

mkdir -p "$log"
check build build_all || finish 1

if ! device=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>&1 | head -n 1) || [ -z "$device" ]; then
  line "all other steps" "NOT RUN" "no NVIDIA GPU answers on this machine: $device"
  device=none
  finish 3
fi

test_gpu=$build/test_gpu
tools=
if wanted tests; then
  check "engine on this CPU" "$test_gpu" -tce='cuda:*'
  check "ops against the CPU" "$test_gpu" -tc='cuda:*' -tce='cuda: *train*,cuda: *graph*'
  check "network against the CPU" "$test_gpu" -tc='cuda: *train*,cuda: *graph*'
fi
if wanted sanitizer; then
  for tool in memcheck racecheck synccheck initcheck; do
    check "$tool" compute-sanitizer --tool $tool --error-exitcode 9 "$test_gpu" \
      -tc='cuda: every op and gradient*,cuda: a convolution on tensor cores*,cuda: elements taken*'
  done
fi
if wanted tests || wanted posterior || wanted precision; then
  if ! check "tools" with_carried_libraries build_tools; then
    line "posterior, precision" "NOT RUN" "the tools are not to be had: see $log/tools"
    tools=
  fi
fi
if [ -n "$tools" ] && wanted tests; then
  check "posterior against the CPU" with_carried_libraries "$test_inference" -tc='cuda:*'
  check "memcheck of the posterior" with_carried_libraries compute-sanitizer --tool memcheck --error-exitcode 9 \
    "$test_inference" -tc='cuda: a level of dkps*'
  check "racecheck of the posterior" with_carried_libraries compute-sanitizer --tool racecheck --error-exitcode 9 \
    "$test_inference" -tc='cuda: a level of dkps*'
fi
if [ -n "$tools" ] && wanted posterior; then
  check "posterior on the GPU" with_carried_libraries posterior
  grep -v '^sampling [0-9]' "$log/posterior_on_the_GPU" >"$log/posterior"
  timings+=("$log/posterior")
fi
if [ -n "$tools" ] && wanted precision; then
  check "effect of precision" with_carried_libraries bench/precision.sh "$tools" "$build/precision" cuda fp32 tf32 bf16
  grep '^precision:' "$log/effect_of_precision" >"$log/precision"
  timings+=("$log/precision")
fi
if wanted profile; then
  for batch in 128 2048; do
    check "kernels of batch $batch" "$python" bench/cuda_kernel_times.py --batch $batch \
      --server "$build/bench_cuda_server"
    timings+=("$log/kernels_of_batch_$batch")
  done
fi
for part in kernels forward train sample; do
  wanted $part || continue
  if ! "$python" -c 'import torch' >"$log/torch" 2>&1; then
    line "$part beside PyTorch" "NOT RUN" "$python has no PyTorch"
    failed=1
    continue
  fi
  check "$part beside PyTorch" "$python" bench/compare_pytorch_cuda.py --only $part \
    --server "$build/bench_cuda_server"
  timings+=("$log/${part}_beside_PyTorch")
done
finish $failed
