#!/usr/bin/env python3
"""lookback beside PyTorch on a GPU: the paper's network with the same weights and inputs, one run.

Checks that the outputs agree, then prints milliseconds and ratios of the forward pass, the training
step and sampling, and of single convolutions (PyTorch: cuDNN) and group norms, each side with its
work in a CUDA graph where it can be; a table of the ratios that are asked for comes last. PyTorch
runs with TF32 allowed; the variants with bf16 are autocast.

Needs PyTorch alone, and bench_cuda_server (tools/gpu_check.sh builds it).
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--server", default="build/gpu_check/bench_cuda_server")
parser.add_argument("--device", default="cuda", help="cpu checks the script, not the speed")
parser.add_argument("--rounds", type=int, default=7, help="interleaved repeats")
parser.add_argument("--only", nargs="*", default=["kernels", "forward", "train", "sample"],
                    help="which parts to run")
parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
parser.add_argument("--small", action="store_true", help="small batches, to check the script")
args = parser.parse_args()
try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    sys.exit(f"compare_pytorch_cuda: {error}; install PyTorch")

LENGTH, CHANNELS, FLOP_PER_EVALUATION = 64, 2, 0.203e9
HISTORIES, EPOCHS = 94_372, 10_000  # the paper's training
device = torch.device(args.device)
gpu = device.type == "cuda"
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
torch.backends.cudnn.benchmark = True
torch.manual_seed(0)


def conv(i, o, taps):
    module = nn.Module()
    module.conv = nn.Conv1d(i, o, taps, padding=taps // 2)
    return module


def norm(channels):
    return nn.GroupNorm(min(channels // 4, 32), channels, eps=1e-6)


class Fourier(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.W = nn.Parameter(torch.randn(n), requires_grad=False)

    def forward(self, t):
        p = t[:, None] * self.W[None] * 2 * torch.pi
        return torch.cat([p.sin(), p.cos()], 1)


def resampled(x, mode):
    if mode == "same":
        return x
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=x.device, dtype=x.dtype) / (8 if mode == "down" else 4)
    taps = taps.expand(x.shape[1], 1, 4)
    filtered = F.conv1d if mode == "down" else F.conv_transpose1d
    return filtered(x, taps, stride=2, padding=1, groups=x.shape[1])


class Block(nn.Module):
    def __init__(self, i, o, embedding, mode="same"):
        super().__init__()
        self.mode = mode
        self.GroupNorm_0, self.Conv_0, self.Dense_0 = norm(i), conv(i, o, 3), nn.Linear(embedding, o)
        self.GroupNorm_1, self.Conv_1 = norm(o), conv(o, o, 3)
        self.Conv_2 = conv(i, o, 1) if i != o or mode != "same" else None

    def forward(self, x, embedding):
        h = self.Conv_0.conv(resampled(F.silu(self.GroupNorm_0(x)), self.mode))
        h = self.Conv_1.conv(F.silu(self.GroupNorm_1(h + self.Dense_0(embedding)[:, :, None])))
        skip = resampled(x, self.mode)
        return ((self.Conv_2.conv(skip) if self.Conv_2 else skip) + h) / 1.41421356237


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.to_qkv, self.to_out = nn.Conv1d(channels, 3 * channels, 1), nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        q, k, v = self.to_qkv(x).transpose(1, 2).chunk(3, -1)
        return self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2)) + x


class Ncsnpp(nn.Module):
    """NCSN++ of the paper (nf 64, ch_mult 1 2 2 4), numbered as score_models numbers its modules."""

    def __init__(self, nf=64, ch_mult=(1, 2, 2, 4), blocks=2):
        super().__init__()
        e, levels = 4 * nf, len(ch_mult)
        self.levels, self.blocks = levels, blocks
        m = [Fourier(nf // 2), nn.Linear(nf, e), nn.Linear(e, e), conv(CHANNELS, nf, 3)]
        skips, width = [nf], nf
        for level, factor in enumerate(ch_mult):
            for _ in range(blocks):
                m.append(Block(width, nf * factor, e))
                width = nf * factor
                skips.append(width)
            if level + 1 < levels:
                combine = nn.Module()
                combine.Conv_0 = conv(CHANNELS, width, 1)
                m += [Block(width, width, e, "down"), combine]
                skips.append(width)
        m += [Block(width, width, e), Attention(width), Block(width, width, e)]
        for level in reversed(range(levels)):
            for _ in range(blocks + 1):
                m.append(Block(width + skips.pop(), nf * ch_mult[level], e))
                width = nf * ch_mult[level]
            m += [norm(width), conv(width, CHANNELS, 3)]
            if level > 0:
                m.append(Block(width, width, e, "up"))
        self.all_modules = nn.ModuleList(m)

    def forward(self, t, x):
        modules = iter(self.all_modules)
        embedding = next(modules)(t)
        for _ in range(2):
            embedding = F.silu(next(modules)(embedding))
        pyramid, skips = x, [next(modules).conv(x)]
        for level in range(self.levels):
            for _ in range(self.blocks):
                skips.append(next(modules)(skips[-1], embedding))
            if level + 1 < self.levels:
                h = next(modules)(skips[-1], embedding)
                pyramid = resampled(pyramid, "down")
                skips.append(next(modules).Conv_0.conv(pyramid) + h)
        h = next(modules)(skips[-1], embedding)
        h = next(modules)(h)
        h = next(modules)(h, embedding)
        output = None
        for level in reversed(range(self.levels)):
            for _ in range(self.blocks + 1):
                h = next(modules)(torch.cat([h, skips.pop()], 1), embedding)
            grown = next(modules)(h)
            grown = next(modules).conv(F.silu(grown))
            output = grown if output is None else grown + resampled(output, "up")
            if level > 0:
                h = next(modules)(h, embedding)
        return output


class Lookback:
    def __init__(self):
        self.process = subprocess.Popen([args.server, args.device], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("compare_pytorch_cuda: bench_cuda_server ended")
        return line.strip()

    def __call__(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.read()

    def timed(self, *words, precision="tf32"):
        self("precision", precision if gpu else "fp32")
        return float(self(*words))


def read_weights(path):
    data, at, weights = path.read_bytes(), 0, {}
    while at < len(data):
        end = data.index(b"\n", at)
        name, *extents = data[at:end].decode().split()
        extents = [int(n) for n in extents]
        count = torch.Size(extents).numel()
        values = torch.frombuffer(bytearray(data[end + 1:end + 1 + 4 * count]), dtype=torch.float32)
        weights[name], at = values.reshape(extents), end + 1 + 4 * count
    return weights


def wait():
    if gpu:
        torch.cuda.synchronize()


def milliseconds(f, repeats):
    wait()
    start = time.perf_counter()
    for _ in range(repeats):
        f()
    wait()
    return (time.perf_counter() - start) * 1e3 / repeats


def captured(f):
    """f as a CUDA graph; f itself elsewhere."""
    if not gpu:
        return f
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            f()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        f()
    return graph.replay


def medians(sides):
    """Of {name: function giving milliseconds}, the sides taking turns."""
    for run in sides.values():
        run()
    times = {name: [] for name in sides}
    for _ in range(args.rounds):
        for name, run in sides.items():
            times[name].append(run())
    return {name: statistics.median(values) for name, values in times.items()}


table = []


def report(what, sides, flop=None, wanted=None):
    """Each of ours is compared with the best of PyTorch in its own precision: bf16 or not."""
    found = medians(sides)
    print(what)
    for name, ms in found.items():
        rate = f"{flop / ms * 1e-9:9.2f} TFLOP/s" if flop else ""
        print(f"    {name:28s} {ms:9.4f} ms {rate}")
    for kind in ("tf32", "bf16"):
        ours = [ms for name, ms in found.items() if name == f"lookback {kind}"]
        theirs = [ms for name, ms in found.items() if name.startswith("PyTorch") and ("bf16" in name) == (kind == "bf16")]
        if ours and theirs:
            table.append((f"{what}, {kind}", min(theirs) / ours[0], wanted))
    return found


def check(lookback, net, folder):
    batch = 8
    t, x = torch.rand(batch), torch.randn(batch, CHANNELS, LENGTH)
    (folder / "in").write_bytes(t.numpy().tobytes() + x.transpose(1, 2).contiguous().numpy().tobytes())
    exact = Ncsnpp()
    exact.load_state_dict(net.state_dict())
    with torch.no_grad():
        expected = exact.double()(t.double(), x.double())
    # 64 bits against ours: float32 as the golden files have it; the others as their factors round.
    for precision, bound in {"fp32": 5e-5, "tf32": 5e-3, "bf16": 5e-2}.items() if gpu else {"fp32": 5e-5}.items():
        lookback("precision", precision)
        lookback("evaluate", batch, folder / "in", folder / "out")
        got = torch.frombuffer(bytearray((folder / "out").read_bytes()), dtype=torch.float32)
        got = got.reshape(batch, LENGTH, CHANNELS).transpose(1, 2)
        error = ((got - expected).norm() / expected.norm()).item()
        print(f"output in {precision}: |ours - float64| / |float64| = {error:.1e} (bound {bound:.0e})")
        if not error < bound:
            sys.exit("compare_pytorch_cuda: the outputs differ; no timing is meaningful")


def autocast(on):
    return torch.autocast(device.type, torch.bfloat16, enabled=on)


def variants(f):
    """PyTorch's ways of running f(bf16): name -> function."""
    sides = {"PyTorch eager": lambda: f(net, False), "PyTorch eager bf16": lambda: f(net, True)}
    if not args.no_compile:
        sides["PyTorch compiled"] = lambda: f(compiled, False)
        sides["PyTorch compiled bf16"] = lambda: f(compiled, True)
    return sides


def ours(*words):
    names = ("fp32", "tf32", "bf16") if gpu else ("fp32",)
    return {f"lookback {p}": (lambda p=p: lookback.timed(*words, precision=p)) for p in names}


def compare_forward(batch, repeats, wanted):
    t, x = torch.rand(batch, device=device), torch.randn(batch, CHANNELS, LENGTH, device=device)

    def run(module, bf16):
        with torch.no_grad(), autocast(bf16):
            return module(t, x)

    sides = {name: (lambda f=f: milliseconds(f, repeats)) for name, f in variants(run).items()}
    report(f"forward, batch {batch}", sides | ours("forward", batch, repeats), FLOP_PER_EVALUATION * batch, wanted)


def compare_train(batch, repeats, wanted):
    parameters = [p for p in net.parameters() if p.requires_grad]
    average = [p.detach().clone() for p in parameters]
    adam = torch.optim.Adam(parameters, lr=1e-4, fused=gpu)
    x = torch.randn(batch, CHANNELS, LENGTH, device=device)

    def step(module, bf16):
        t, z = torch.rand(batch, device=device), torch.randn_like(x)
        sigma = 0.001 * (16 / 0.001) ** t
        with autocast(bf16):
            residual = z + module(t, x + sigma[:, None, None] * z)
        adam.zero_grad(set_to_none=True)
        residual.float().square().sum((1, 2)).mean().backward()
        adam.step()
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1e-4)

    sides = {name: (lambda f=f: milliseconds(f, repeats)) for name, f in variants(step).items()}
    found = report(f"training step, batch {batch}", sides | ours("train", batch, repeats),
                   3 * FLOP_PER_EVALUATION * batch, wanted)
    for name, ms in found.items():
        if name.startswith("lookback"):
            hours = ms * 1e-3 * (HISTORIES // batch) * EPOCHS / 3600
            print(f"    {name}: the paper's {EPOCHS} epochs in {hours:.1f} h (wanted: 1.5 h)")


def compare_kernels(batch, repeats):
    shapes = [(3, 64, 64, 64), (3, 128, 128, 32), (3, 128, 128, 16), (3, 256, 256, 8), (3, 192, 64, 64),
              (3, 512, 256, 8), (1, 192, 64, 64), (1, 512, 256, 8), (3, 2, 64, 64), (3, 64, 2, 64)]
    for taps, ci, co, length in shapes:
        flop = 2 * taps * ci * co * length * batch
        for bf16 in (False, True) if gpu else (False,):
            dtype, kind = (torch.bfloat16, "bf16") if bf16 else (torch.float32, "tf32" if gpu else "fp32")
            x = torch.randn(batch, ci, length, device=device, dtype=dtype)
            w = torch.randn(co, ci, taps, device=device, dtype=dtype)
            dy = torch.randn(batch, co, length, device=device, dtype=dtype)

            def gradient(mask):
                return torch.ops.aten.convolution_backward(dy, x, w, None, [1], [taps // 2], [1], False, [0], 1, mask)

            for name, f in {"conv": lambda: F.conv1d(x, w, padding=taps // 2),
                            "conv_input": lambda: gradient([True, False, False]),
                            "conv_weight": lambda: gradient([False, True, False])}.items():
                theirs = captured(f)
                words = (name, taps, ci, co, length, batch, repeats)
                report(f"{name} K {taps}, {ci} -> {co}, L {length}, B {batch}",
                       {f"PyTorch {kind}": lambda: milliseconds(theirs, repeats),
                        f"lookback {kind}": lambda: lookback.timed(*words, precision=kind)}, flop, 1.0)
    for channels, length in [(64, 64), (128, 32), (256, 8), (192, 64), (512, 8)]:
        x = torch.randn(batch, channels, length, device=device, requires_grad=True)
        group_norm, dy = norm(channels).to(device), torch.randn(batch, channels, length, device=device)

        def forward():
            return F.silu(group_norm(x))

        def both():
            return torch.autograd.grad(forward(), [x, *group_norm.parameters()], dy)

        forward_graph, both_graph = captured(forward), captured(both)
        words = (channels, length, batch, repeats)
        report(f"group norm + silu, C {channels}, L {length}, B {batch}",
               {"PyTorch": lambda: milliseconds(forward_graph, repeats),
                "lookback tf32": lambda: lookback.timed("norm", *words)}, None, 1.0)
        report(f"forward and backward, C {channels}, L {length}, B {batch}",
               {"PyTorch": lambda: milliseconds(both_graph, repeats),
                "lookback tf32": lambda: lookback.timed("norm", *words) + lookback.timed("norm_backward", *words)},
               None, 1.0)


net = Ncsnpp().to(device)
compiled = None if args.no_compile else torch.compile(net, mode="reduce-overhead")
lookback = Lookback()
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    lookback("weights", folder / "weights")
    net.load_state_dict(read_weights(folder / "weights"))
    check(lookback, net, folder)
print(f"torch {torch.__version__}, {torch.cuda.get_device_name() if gpu else 'cpu'}")
if "kernels" in args.only:
    compare_kernels(*((2, 1) if args.small else (128, 200)))
if "forward" in args.only:
    for batch, repeats, wanted in [(2, 1, 1.0)] if args.small else [(1, 200, 3.0), (128, 100, 1.5), (1024, 30, 1.5)]:
        compare_forward(batch, repeats, wanted)
if "train" in args.only:
    for batch, repeats, wanted in [(2, 1, 1.0)] if args.small else [(256, 30, 1.5), (2048, 10, 1.5)]:
        compare_train(batch, repeats, wanted)
if "sample" in args.only:
    batch, steps = (2, 3) if args.small else (128, 1000)
    for name, run in ours("sample", batch, steps).items():
        print(f"{batch} draws of {steps} steps, {name}: {run() * 1e-3:.3f} s (wanted: below 1 s)")
print("\nPyTorch's best over ours (wanted)")
for what, ratio, wanted in table:
    mark = "" if wanted is None or ratio >= wanted else "  MISSED"
    print(f"{what:52s} {ratio:6.2f} x ({wanted}){mark}")
