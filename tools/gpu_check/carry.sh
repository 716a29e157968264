#!/usr/bin/env bash
# On a machine with lookback's packages and nvcc: gathers what tools/gpu_check.sh needs on a bare one
# with a GPU, which is doctest's header, and the tools and tests below with the libraries they load.
# Usage: tools/gpu_check/carry.sh [FOLDER, default .carry]
#   LOOKBACK_CUDA_ARCH  architecture to build for (default 90)
#   LOOKBACK_JOBS       compilers at a time (default all processors)
set -euo pipefail
cd "$(dirname "$0")/../.."
carry=${1:-.carry}
build=build/carry

cmake -S . -B $build -DCMAKE_BUILD_TYPE=Release -DLOOKBACK_CUDA=ON -DLOOKBACK_NATIVE=OFF \
  -DLOOKBACK_TESTS=ON -DCMAKE_CUDA_ARCHITECTURES="${LOOKBACK_CUDA_ARCH:-90}"
programs="tools/prepare tools/forward tools/sample tools/train tools/report tests/test_inference"
cmake --build $build --parallel "${LOOKBACK_JOBS:-$(nproc)}" \
  --target tool_prepare tool_forward tool_sample tool_train tool_report test_inference
rm -rf "${carry:?}/tools" "${carry:?}/lib" "${carry:?}/doctest"
mkdir -p "$carry/tools" "$carry/lib"
for program in $programs; do
  strip -o "$carry/tools/$(basename "$program")" "$build/$program"
  # The C and C++ libraries are the other machine's own: its compiler needs newer ones than ours.
  ldd "$build/$program" | awk '$2 == "=>" {print $3}' |
    { grep -vE '/lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s)\.so' || true; } |
    xargs -r cp -Lnt "$carry/lib"
done
cp -r "${DOCTEST_INCLUDE:-/usr/include}/doctest" "$carry/"
du -sh "$carry"
