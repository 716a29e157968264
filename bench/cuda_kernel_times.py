#!/usr/bin/env python3
"""Where the time of one evaluation of the paper's network goes on a GPU: ncu's time of every kernel,
summed by kernel and shape of launch. ncu runs kernels one at a time and with cold caches, so the shares
are what to look at; the whole is compare_pytorch_cuda.py's to time.

Needs ncu (Nsight Compute) and bench_cuda_server (tools/gpu_check.sh builds it).
"""
import argparse
import collections
import csv
import re
import subprocess
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--server", default="build/gpu_check/bench_cuda_server")
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--precision", default="tf32", choices=["fp32", "tf32", "bf16"])
parser.add_argument("--csv", help="read this file, which ncu wrote, and run nothing")
args = parser.parse_args()

TIME = "gpu__time_duration.sum"
if args.csv:
    text = open(args.csv).read()
else:
    command = ["ncu", "--clock-control", "none", "--csv", "--page", "raw", "--print-units", "base", "--metrics", TIME]
    try:
        run = subprocess.run([*command, args.server], input=f"precision {args.precision}\nevaluations {args.batch} 1\n",
                             capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("cuda_kernel_times: no ncu on the PATH; install Nsight Compute")
    text = run.stdout
    if run.returncode != 0:
        sys.exit(f"cuda_kernel_times: ncu failed: {(text + run.stderr)[-2000:]}")

lines = text.splitlines()
header = next((i for i, line in enumerate(lines) if line.startswith('"ID"')), None)
if header is None:
    sys.exit(f"cuda_kernel_times: ncu gave no table: {text[-2000:]}")
rows = list(csv.DictReader(lines[header:]))
unit = {"ns": 1e-3, "nsecond": 1e-3, "us": 1, "usecond": 1}[rows[0][TIME]]
times = collections.defaultdict(list)
for row in rows[1:]:
    name = re.sub(r"\((int|bool)\)|<unnamed>::|\(anonymous namespace\)::|lookback::|cuda::|^void ", "", row["Kernel Name"])
    times[name.split("(")[0], row["Grid Size"]].append(float(row[TIME].replace(",", "")) * unit)
total = sum(map(sum, times.values()))
print(f"{len(rows) - 1} kernels, {total:.0f} us one by one, batch {args.batch}, {args.precision}")
print(f"{'us':>9} {'share':>7} {'count':>6}  kernel, blocks")
for (name, grid), each in sorted(times.items(), key=lambda item: -sum(item[1])):
    print(f"{sum(each):9.1f} {sum(each) / total:7.1%} {len(each):6d}  {name} {grid}")
