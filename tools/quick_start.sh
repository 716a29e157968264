#!/usr/bin/env bash
# From nothing to the posterior of a galaxy: installs the packages, builds, makes a demonstration SSP
# grid, observes a mock galaxy and samples its posterior with the prior that comes with lookback.
# Usage: tools/quick_start.sh [FOLDER for the results, default build/quick_start]
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/quick_start}
started=$SECONDS

tools/install_packages.sh
cmake --preset release -DLOOKBACK_TESTS=OFF >/dev/null
cmake --build --preset release
mkdir -p "$out"
bin=build/release/tools

$bin/prepare ssp analytic -o "$out/ssp.h5" --overwrite
# A galaxy that the prior has not seen: 3e10 Msun, redshift 0.05, behind 0.2 mag of dust, S/N 50.
$bin/prepare synthetic --count 8 --seed 2 -o "$out/truth.h5" --overwrite
$bin/forward --ssp "$out/ssp.h5" --input "$out/truth.h5" --index 6 --count 1 --redshift 0.05 --a-v 0.2 \
  --snr 50 --seed 1 -o "$out/mock.h5" --overwrite
$bin/sample --prior tools/priors/synthetic.h5 --spectrum "$out/mock.h5" --ssp "$out/ssp.h5" --count 128 --seed 1 \
  -o "$out/posterior.h5" --overwrite
$bin/report "$out/posterior.h5" -o "$out/posterior.svg" --overwrite

echo "done in $((SECONDS - started)) s: $out/posterior.h5 and its figure $out/posterior.svg"
