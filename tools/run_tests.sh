#!/usr/bin/env bash
# Installs the packages, builds everything and runs all tests. Usage: tools/run_tests.sh [PRESET]
# Presets: release (default), debug, asan (address and undefined behaviour), tsan, cuda.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
tools/install_packages.sh
mpi=OFF bench=OFF
if [ "$preset" = release ]; then
  tools/install_packages.sh libbenchmark-dev && bench=ON || echo "packages: no Google Benchmark here; bench is not built"
  # The sanitizers raise false alarms within Open MPI.
  if tools/install_packages.sh openmpi-bin libopenmpi-dev; then mpi=ON; else
    echo "packages: no Open MPI here; the tests of several ranks are SKIPPED"
  fi
fi
cmake --preset "$preset" -DLOOKBACK_TESTS=ON -DLOOKBACK_MPI=$mpi -DLOOKBACK_BENCH=$bench >/dev/null
cmake --build --preset "$preset"
ctest --preset "$preset" --no-tests=error -j "$(nproc)"
