"""DSPS (Hearin et al. 2023) under JAX against `forward` and bench_physics.

Agreement: composite spectra of three histories on the same grid, at a metallicity of the grid and
between two. Timing (--timing): 128 histories to 3841 pixels, value and full Jacobian, on the same
two cores, in turn; DSPS jit-compiled in float64 and float32. Both have 64 bins, 8 metallicities and
16 ages; DSPS gets the grid already on the pixels, without dust.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import peers

BINS, TODAY_GYR = 64, 13.797615896896387  # age of the universe at redshift 0 (Planck15)


def histories(np, edges):
    """The three histories of the golden files, as rates at the bins' centres."""
    t = (edges[1:] + edges[:-1]) / 2
    return {
        "constant": np.ones(BINS),
        "20 exp(-t/3 Gyr)": 20 * np.exp(-t / 3),
        "quenched at 9 Gyr": np.where(t < 9, 20 * t * np.exp(-t / 1.5), 0.02),
    }


def read_grid(np, path, count):
    import h5py

    with h5py.File(path) as f:
        wavelength = f["wavelength_angstrom"][:]
        keep = np.flatnonzero((wavelength > 1500) & (wavelength < 9000))
        keep = keep[:: max(1, len(keep) // count)]
        flux = f["flux_lsun_per_angstrom_per_msun"][:][:, :, keep]
        return {"wavelength_angstrom": wavelength[keep], "age_gyr": f["age_gyr"][:],
                "log_z_zsun": f["log_z_zsun"][:], "flux": flux.astype(float)}


def dense_ages(np, grid, count=1601, youngest_gyr=1e-5, oldest_gyr=20):
    """The same function of age, linear in ln(age) and constant outside, on many ages."""
    log_age = np.log(grid["age_gyr"])
    dense = np.linspace(np.log(youngest_gyr), np.log(oldest_gyr), count)
    at = np.clip(np.searchsorted(log_age, dense) - 1, 0, len(log_age) - 2)
    share = np.clip((dense - log_age[at]) / (log_age[at + 1] - log_age[at]), 0, 1)[:, None]
    flux = (1 - share) * grid["flux"][:, at] + share * grid["flux"][:, at + 1]
    return {**grid, "age_gyr": np.exp(dense), "flux": flux}


def agreement(options):
    peers.require(["numpy", "h5py", "jax", "dsps"], "dsps jax h5py")
    import numpy as np
    from dsps import calc_rest_sed_sfh_table_lognormal_mdf

    edges = np.linspace(0, TODAY_GYR, BINS + 1)
    t_table = np.linspace(0.01, TODAY_GYR, 20001)  # DSPS returns NaN below 0.01 Gyr
    bin_of_t = np.minimum(np.searchsorted(edges, t_table, side="right") - 1, BINS - 1)
    grid = read_grid(np, options.ssp, options.wavelengths)
    dense = dense_ages(np, grid)
    node = grid["log_z_zsun"][-2]
    between = (grid["log_z_zsun"][-3] + node) / 2

    def dsps(which, sfr, log_z, scatter):
        sed = calc_rest_sed_sfh_table_lognormal_mdf(
            t_table, sfr[bin_of_t], log_z + np.log10(peers.ZSUN), scatter,
            grid["log_z_zsun"] + np.log10(peers.ZSUN), np.log10(which["age_gyr"]), which["flux"],
            TODAY_GYR)
        return np.asarray(sed.rest_sed)

    rows = []
    for name, sfr in histories(np, edges).items():
        at_node = peers.forward(options.build, grid, sfr, node, edges)[0]
        off_node = peers.forward(options.build, grid, sfr, between, edges)[0]
        rows += [
            (name + ", 1601 ages", dsps(dense, sfr, node, 1e-3) / at_node - 1,
             "1e-4 to 2e-3: table from 10 Myr, steps of 0.7 Myr"),
            (name + ", own ages", dsps(grid, sfr, node, 1e-3) / at_node - 1,
             "histogram of ages; stars beyond its ends are dropped"),
            (name + ", between Z", dsps(dense, sfr, between, 0.1) / off_node - 1,
             "triweight scatter in Z: per cents, most in the UV"),
        ]
    peers.table(rows, f"DSPS / lookback - 1 on {options.ssp}")
    print("On E-MILES (16 ages from 30 Myr) 'own ages' is -10 % at 3600 and -23 % at 2000 Angstrom.")


def worker(dtype, batch, pixels):
    """Times DSPS once for each line of stdin: 'value' or 'jacobian'."""
    import jax
    import numpy as np
    from dsps import calc_rest_sed_sfh_table_met_table

    jax.config.update("jax_enable_x64", dtype == "float64")
    import jax.numpy as jnp

    log_age = np.log10(np.geomspace(0.03, 13.5, 16))
    lgmet = np.linspace(-1.26, 0.26, 8) + np.log10(peers.ZSUN)
    rng = np.random.default_rng(1)
    flux = jnp.asarray(rng.uniform(1e-5, 1e-4, (8, 16, pixels)), dtype)
    edges = np.linspace(0, 12.614, BINS + 1)  # all 64 bins before redshift 0.0873
    t = jnp.asarray((edges[1:] + edges[:-1]) / 2, dtype)

    def spectrum(x):
        return calc_rest_sed_sfh_table_met_table(t, x[:BINS], x[BINS:], 0.1, lgmet, log_age, flux,
                                                 12.614).rest_sed

    run = {"value": jax.jit(jax.vmap(spectrum)),
           "jacobian": jax.jit(jax.vmap(jax.jacfwd(spectrum)))}
    x = np.concatenate([rng.uniform(0.1, 2, (batch, BINS)),
                        rng.uniform(-1, 0.2, (batch, BINS)) + np.log10(peers.ZSUN)], axis=1)
    x = jnp.asarray(x, dtype)
    for f in run.values():
        y = f(x).block_until_ready()  # compiles
        assert np.isfinite(np.asarray(y)).all() and y.dtype == dtype
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        run[line.strip()](x).block_until_ready()
        print(time.perf_counter() - start, flush=True)


def timing(options):
    peers.require(["numpy", "jax", "dsps"], "dsps jax")
    bench = peers.program(options.bench or options.build / "bench/bench_physics",
                          "configure with -DLOOKBACK_BENCH=ON and build bench_physics")
    cores = sorted(os.sched_getaffinity(0))[: options.threads]
    os.sched_setaffinity(0, cores)  # before JAX and our pool count them
    environment = {**os.environ, "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=true "
                   f"intra_op_parallelism_threads={len(cores)}", "JAX_PLATFORMS": "cpu"}

    def start(dtype):
        process = subprocess.Popen(
            [sys.executable, __file__, "--worker", dtype, "--batch", str(options.batch),
             "--pixels", str(options.pixels)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        if process.stdout.readline().strip() != "ready":
            sys.exit(f"the DSPS worker in {dtype} failed (memory?)")
        return process

    workers = {dtype: start(dtype) for dtype in ("float64", "float32")}

    def ours(what):
        out = subprocess.run(
            [bench, f"--benchmark_filter=^{what}/{options.batch}/real_time$",
             "--benchmark_format=json", "--benchmark_min_time=0.5"],
            capture_output=True, text=True, check=True).stdout
        runs = json.loads(out)["benchmarks"]
        return runs[0]["real_time"] * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3}[runs[0]["time_unit"]]

    def theirs(dtype, what):
        process = workers[dtype]
        process.stdin.write(what + "\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    print(f"{options.batch} histories to {options.pixels} pixels, {len(cores)} cores, medians of "
          f"{options.rounds}, milliseconds; load at the start {os.getloadavg()[0]:.2f}")
    print(f"{'':<10}{'lookback':>10}{'DSPS f64':>10}{'ratio':>8}{'DSPS f32':>10}{'ratio':>8}")
    for what in ("value", "jacobian"):
        times = {"lookback": [], "float64": [], "float32": []}
        for _ in range(options.rounds):
            times["lookback"].append(ours(what))
            for dtype in workers:
                times[dtype].append(theirs(dtype, what))
        ms = {code: 1e3 * statistics.median(t) for code, t in times.items()}
        print(f"{what:<10}{ms['lookback']:>10.2f}{ms['float64']:>10.2f}"
              f"{ms['float64'] / ms['lookback']:>8.1f}{ms['float32']:>10.2f}"
              f"{ms['float32'] / ms['lookback']:>8.1f}")
    print("lookback computes in float64; ratios are DSPS / lookback, of wall time.")
    for process in workers.values():
        process.stdin.close()
        process.wait()


def main():
    parser = peers.arguments(__doc__)
    parser.add_argument("--ssp", help="grid for the agreement (lookback-ssp)")
    parser.add_argument("--wavelengths", type=int, default=200, help="of the grid, compared")
    parser.add_argument("--timing", action="store_true")
    parser.add_argument("--bench", help="bench_physics, if not in the build folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--pixels", type=int, default=3841)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--worker", choices=["float64", "float32"], help="used by --timing")
    options = parser.parse_args()
    if options.worker:
        worker(options.worker, options.batch, options.pixels)
    elif not options.ssp and not options.timing:
        parser.error("nothing to do: give --ssp, --timing or both")
    else:
        if options.ssp:
            agreement(options)
        if options.timing:
            timing(options)


if __name__ == "__main__":
    main()
