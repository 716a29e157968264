#!/usr/bin/env bash
# Makes the prior that comes with lookback, tools/priors/synthetic.h5: histories of the built-in
# generator, a small network, half precision. About six minutes on two cores, after quick_start.sh.
# Usage: tools/train_synthetic.sh [FOLDER for the work, default build/train_synthetic]
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/train_synthetic}
bin=build/release/tools
mkdir -p "$out"

$bin/prepare synthetic --count 60000 --seed 9 -o "$out/histories.h5" --overwrite
$bin/train --histories "$out/histories.h5" -o "$out/prior.h5" --compact "$out/synthetic.h5" --nf 16 --epochs 9 \
  --warmup 300 --learning-rate 1e-3 --clip 300 --ema-decay 0.999 --seed 1 --log "$out/losses.csv" --overwrite

# How near its draws are to histories that it has not seen.
$bin/prepare synthetic --count 2000 --seed 77 -o "$out/held_out.h5" --overwrite
$bin/sample --prior "$out/synthetic.h5" --count 2000 --sampler heun --seed 3 -o "$out/draws.h5" --overwrite
$bin/report prior --samples "$out/draws.h5" --histories "$out/held_out.h5" -o "$out/prior.html" --overwrite
