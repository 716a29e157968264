#!/usr/bin/env python3
"""lookback beside PyTorch on this machine's processor: the paper's network with the same weights and
inputs, each side in its own process, run in turn.

Checks that the outputs agree, then prints median milliseconds and ratios for the forward pass, the
training step (forward, backward, Adam, moving average), sampling and peak memory, with the share of
the machine's measured matrix-product rate.

Needs: pip install torch score_models torch_ema h5py numpy scipy tqdm (score_models without its other
dependencies will do), and a build with -DLOOKBACK_BENCH=ON.
"""
import argparse
import contextlib
import io
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

FLOP_PER_EVALUATION = 2 * 101.4e6  # length 64; proportional to the length

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--build", default="build/release", help="lookback's build folder")
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--rounds", type=int, default=7, help="interleaved repeats")
parser.add_argument("--lengths", type=int, nargs="*", default=[64])
parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
parser.add_argument("--skip-training", action="store_true")
parser.add_argument("--memory-of-torch", action="store_true", help=argparse.SUPPRESS)
parser.add_argument("--skip-forward", action="store_true")
parser.add_argument("--skip-sampling", action="store_true")
args = parser.parse_args()
build = pathlib.Path(args.build)
server_program, score_program = build / "bench/bench_network_server", build / "tools/score"
try:
    import h5py
    import numpy as np
    import torch
    from score_models import NCSNpp, ScoreModel
    from torch_ema import ExponentialMovingAverage
except ImportError as error:
    sys.exit(f"compare_pytorch: {error}; install what the head of this file names")
for program in (server_program, score_program):
    if not program.exists():
        sys.exit(f"compare_pytorch: {program} is missing; build with -DLOOKBACK_BENCH=ON or give --build")

torch.set_num_threads(args.threads)
torch.manual_seed(0)
HYPER = dict(channels=2, nf=64, ch_mult=[1, 2, 2, 4])
net = NCSNpp(dimensions=1, **HYPER)
for p in net.parameters():  # the output layers start near 0; give every layer something to do
    if p.requires_grad and p.dim() > 1:
        torch.nn.init.normal_(p, std=(2 / (p[0].numel())) ** 0.5)
model = ScoreModel(net, sde="ve", sigma_min=0.001, sigma_max=16.0, device="cpu")


def write_prior(path):
    with h5py.File(path, "w") as f:
        f.attrs.update(format="lookback-prior", format_version=1, created_by="compare_pytorch.py", config="{}")
        hyper = f.create_group("hyperparameters")
        defaults = dict(num_res_blocks=2, activation_type="swish", fir=1, fir_kernel=[1.0, 3.0, 3.0, 1.0],
                        skip_rescale=1, progressive="output_skip", progressive_input="input_skip",
                        init_scale=1e-2, fourier_scale=16.0, combine_method="sum", attention=1, dimensions=1,
                        dropout=0.0, resblock_type="biggan", sde="ve", sigma_min=0.001, sigma_max=16.0, T=1.0,
                        length=64)
        hyper.attrs.update(HYPER | defaults)
        for name, value in net.state_dict().items():
            f[f"weights/{name}"] = value.numpy()
        f["normalization/mean"], f["normalization/std"] = np.zeros((2, 64)), np.ones((2, 64))
        f["bin_edges_gyr"] = np.linspace(0, 13.8, 65)


class Lookback:
    def __init__(self, prior):
        self.process = subprocess.Popen([server_program, prior, str(args.threads)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.about = self.process.stdout.readline().strip()

    def __call__(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return [float(w) for w in self.process.stdout.readline().split()]

    def precision(self, kind):
        print("precision", kind, file=self.process.stdin, flush=True)
        self.process.stdout.readline()


def milliseconds(f):
    start = time.perf_counter()
    f()
    return (time.perf_counter() - start) * 1e3


def gemm_rate(n=2048):
    a, b = torch.randn(n, n), torch.randn(n, n)
    best = min(milliseconds(lambda: a @ b) for _ in range(10))
    return 2 * n**3 / best * 1e-6


def check(folder, prior):
    x, t = torch.randn(8, 2, 64), torch.rand(8)
    with torch.no_grad():
        expected = net(t, x).numpy()
    with h5py.File(folder / "points.h5", "w") as f:
        f.attrs.update(format="lookback-points", format_version=1)
        f["x"], f["t"] = x.numpy(), t.numpy()
    subprocess.run([score_program, "--prior", prior, "--input", folder / "points.h5", "-o",
                    folder / "scores.h5", "--quiet"], check=True)
    with h5py.File(folder / "scores.h5") as f:
        got = f["network"][:]
    error = np.abs(got - expected).max() / np.abs(expected).max()
    print(f"outputs agree to {error:.1e} of the largest (bound 5e-5)")
    if not error < 5e-5:
        sys.exit("compare_pytorch: the outputs differ; no timing is meaningful")


def interleaved(sides, rounds):
    """Medians of {name: function giving a list of ms}, the sides taking turns."""
    for run in sides.values():
        run()
    times = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            time.sleep(0.05)  # the other side's idle threads go to sleep
            times[name] += run()
    return {name: statistics.median(values) for name, values in times.items()}


def report(what, medians, flop, gemm, required):
    ours = medians["lookback"]
    for name, ms in medians.items():
        ratio = "" if name.startswith("lookback") else f"  lookback is {ms / ours:.2f} x as fast"
        if name == "lookback bf16":
            ratio = f"  {ours / ms:.2f} x its float32"
        rate = flop / ms * 1e-6
        print(f"{what:26s} {name:16s} {ms:9.2f} ms {rate:7.1f} GFLOP/s {100 * rate / gemm:5.1f} % of GEMM{ratio}")
    print(f"{'':26s} wanted: {required}")


def torch_training_step(batch):
    """One step as score_models' fit makes it; returns it as a function."""
    adam = torch.optim.Adam(net.parameters(), lr=1e-4)
    average = ExponentialMovingAverage(net.parameters(), 0.9999)
    x = torch.randn(batch, 2, 64)

    def step():
        adam.zero_grad()
        model.loss_fn(x).backward()
        adam.step()
        average.update()

    return step


def peak_mib(process="self"):
    """Peak resident memory; getrusage would count what the parent held before exec."""
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def compare_memory(prior):
    """Peak resident memory of three training steps at batch 128, each side in a fresh process."""
    command = [sys.executable, __file__, "--memory-of-torch", "--build", args.build, "--threads", str(args.threads)]
    loaded, peak = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    ours = Lookback(prior)
    our_loaded = peak_mib(ours.process.pid)
    ours("train", 128, 64, 3)
    our_peak = peak_mib(ours.process.pid)
    print(f"peak memory, training B 128: PyTorch {peak:.0f} MiB ({peak - loaded:.0f} above the loaded program), "
          f"lookback {our_peak:.0f} MiB ({our_peak - our_loaded:.0f} above): ratio {our_peak / peak:.2f} "
          f"({(our_peak - our_loaded) / (peak - loaded):.2f}); wanted: at most 0.5")


if args.memory_of_torch:
    print(peak_mib())
    step = torch_training_step(128)
    for _ in range(3):
        step()
    print(peak_mib())
    sys.exit()

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    prior = folder / "prior.h5"
    write_prior(prior)
    check(folder, prior)
    lookback = Lookback(prior)
    gemm = gemm_rate()
    print(f"torch {torch.__version__}, {args.threads} threads; lookback kernels {lookback.about}; "
          f"GEMM {gemm:.0f} GFLOP/s (torch, 2048^3, float32)")
    compiled = None if args.no_compile else torch.compile(net)

    wanted = {1: "2 x eager", 16: "2 x eager", 128: "1.8 x eager, 1.3 x compiled, bf16 1.5 x, 75 % of GEMM"}
    for length in [] if args.skip_forward else args.lengths:
        for batch in (1, 16, 128):
            x, t = torch.randn(batch, 2, length), torch.rand(batch)
            n = max(1, 64 // batch)

            def torch_forward(module):
                with torch.no_grad():
                    return [milliseconds(lambda: module(t, x)) for _ in range(n)]

            def ours(kind):
                lookback.precision(kind)
                return lookback("forward", batch, length, n)

            sides = {"PyTorch eager": lambda: torch_forward(net)}
            if compiled is not None:
                sides["PyTorch compiled"] = lambda: torch_forward(compiled)
            sides |= {"lookback": lambda: ours("fp32"), "lookback bf16": lambda: ours("bf16")}
            report(f"forward B {batch} L {length}", interleaved(sides, args.rounds),
                   FLOP_PER_EVALUATION * batch * length / 64, gemm, wanted[batch])
    lookback.precision("fp32")

    if not args.skip_sampling:
        def torch_sample():
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                return [milliseconds(lambda: model.sample([128, 2, 64], steps=100))]

        sides = {"score_models": torch_sample, "lookback": lambda: lookback("sample", 128, 64, 100)}
        report("128 draws, 100 steps", interleaved(sides, max(1, args.rounds // 3)),
               FLOP_PER_EVALUATION * 128 * 100, gemm, "wall time and ratio")

    if not args.skip_training:
        for batch in (16, 128):
            step = torch_training_step(batch)
            sides = {"PyTorch eager": lambda: [milliseconds(step)],
                     "lookback": lambda: lookback("train", batch, 64, 1)}
            report(f"training step B {batch}", interleaved(sides, args.rounds),
                   3 * FLOP_PER_EVALUATION * batch, gemm, "1.5 x eager at batch 128")
        compare_memory(prior)
