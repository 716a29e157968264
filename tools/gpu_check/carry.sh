#!/usr/bin/env bash
# On a machine with lookback's packages and nvcc: gathers what tools/gpu_check.sh needs on a bare one
# with a GPU, which is doctest's header, and prepare, forward and sample with the libraries they load.
# Usage: tools/gpu_check/carry.sh [FOLDER, default .carry]
#   LOOKBACK_CUDA_ARCH  architecture to build for (default 90)
#   LOOKBACK_JOBS       compilers at a time (default all processors)
set -euo pipefail
cd "$(dirname "$0")/../.."
carry=${1:-.carry}
build=build/carry

cmake -S . -B $build -DCMAKE_BUILD_TYPE=Release -DLOOKBACK_CUDA=ON -DLOOKBACK_NATIVE=OFF \
  -DLOOKBACK_TESTS=OFF -DCMAKE_CUDA_ARCHITECTURES="${LOOKBACK_CUDA_ARCH:-90}"
cmake --build $build --parallel "${LOOKBACK_JOBS:-$(nproc)}" \
  --target tool_prepare tool_forward tool_sample
rm -rf "${carry:?}/tools" "${carry:?}/lib" "${carry:?}/doctest"
mkdir -p "$carry/tools" "$carry/lib"
for tool in prepare forward sample; do
  strip -o "$carry/tools/$tool" "$build/tools/$tool"
  # The C and C++ libraries are the other machine's own: its compiler needs newer ones than ours.
  ldd "$build/tools/$tool" | awk '$2 == "=>" {print $3}' |
    { grep -vE '/lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s)\.so' || true; } |
    xargs -r cp -Lnt "$carry/lib"
done
cp -r "${DOCTEST_INCLUDE:-/usr/include}/doctest" "$carry/"
du -sh "$carry"
