#!/usr/bin/env bash
# Installs the packages, builds everything and runs all tests. Usage: tools/run_tests.sh [PRESET]
# Presets: release (default), debug, asan (address and undefined behaviour), tsan, cuda.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
tools/install_packages.sh
cmake --preset "$preset" -DLOOKBACK_TESTS=ON >/dev/null
cmake --build --preset "$preset"
ctest --preset "$preset" --no-tests=error -j "$(nproc)"
