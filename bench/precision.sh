#!/usr/bin/env bash
# What the precision of products does to training and to draws: the same network, data and random
# numbers in each precision, the loss on held-out histories, and draws of each prior beside
# histories that it has not seen. Lines that begin with "precision:" are the results.
# Usage: bench/precision.sh TOOLS OUT DEVICE PRECISION...
#   TOOLS  folder of prepare, train, sample and report     OUT  folder for the work
#   LOOKBACK_EPOCHS, LOOKBACK_HISTORIES  of the training (default 9 and 60000: the shipped prior's)
set -euo pipefail
tools=$1 out=$2 device=$3
shift 3
mkdir -p "$out"

"$tools/prepare" synthetic --count "${LOOKBACK_HISTORIES:-60000}" --seed 9 -o "$out/histories.h5" --overwrite
"$tools/prepare" synthetic --count 2000 --seed 77 -o "$out/held_out.h5" --overwrite
for precision in "$@"; do
  start=${EPOCHREALTIME/./}
  "$tools/train" --histories "$out/histories.h5" -o "$out/$precision.h5" --nf 16 --epochs "${LOOKBACK_EPOCHS:-9}" \
    --warmup 300 --learning-rate 1e-3 --clip 300 --ema-decay 0.999 --seed 1 --log "$out/$precision.csv" \
    --device "$device" --precision "$precision" --overwrite 2>&1 | tee "$out/$precision.log"
  echo "precision: $precision on $device, trained in $(((${EPOCHREALTIME/./} - start) / 1000)) ms," \
    "$(grep -o 'loss .*' "$out/$precision.log" | tail -n 1); held out: $(tail -n 1 "$out/$precision.csv")"
  "$tools/sample" --prior "$out/$precision.h5" --count 2000 --sampler heun --seed 3 --device "$device" \
    --precision "$precision" -o "$out/draws_$precision.h5" --overwrite
  "$tools/report" prior --samples "$out/draws_$precision.h5" --histories "$out/held_out.h5" |
    sed -n "/^distance/,\$ s/^/precision: $precision: /p"
done
# The last prior drawn from in each precision, with the same noise: the effect on draws alone.
last=${*: -1}
for precision in "$@"; do
  "$tools/sample" --prior "$out/$last.h5" --count 512 --steps 100 --seed 3 --device "$device" \
    --precision "$precision" -o "$out/same_$precision.h5" --overwrite
  "$tools/report" prior --samples "$out/same_$precision.h5" --histories "$out/held_out.h5" |
    sed -n "/^distance/,\$ s/^/precision: prior trained in $last, drawn in $precision: /p"
done
