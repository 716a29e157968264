"""What the comparisons with other codes share: peers from pip, and our `forward` as a function."""

import argparse
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile

TEN_PARSEC_CM = 3.0856775814913673e19
LSUN_ERG_S = 3.828e33
ZSUN = 0.0142
ROOT = pathlib.Path(__file__).resolve().parent.parent


def require(modules, install):
    """Imports the modules; without one of them prints what to install and exits with 2."""
    missing = []
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            missing.append(f"{module} ({error})")
    if missing:
        print(f"missing: {', '.join(missing)}. Install with: python3 -m pip install {install}",
              file=sys.stderr)
        sys.exit(2)


def program(path, build):
    """The path of an executable; exits with 2 where there is none."""
    if not os.access(path, os.X_OK):
        print(f"there is no program {path}: {build}", file=sys.stderr)
        sys.exit(2)
    return str(path)


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                        help="build folder with tools/forward")
    return parser


def forward(build, grid, sfr, log_z, bin_edges_gyr, a_v=0.0):
    """Rest-frame luminosity [histories, W] in Lsun/Angstrom, on the grid's own wavelengths.

    grid: dict of wavelength_angstrom [W], age_gyr [A], log_z_zsun [Z], flux [Z, A, W] in
    Lsun/Angstrom/Msun. sfr, log_z [histories, bins]; bin_edges_gyr [bins + 1] of cosmic time.
    At redshift 0 `forward` puts the galaxy at 10 pc.
    """
    import h5py
    import numpy as np

    exe = program(build / "tools/forward", "build it with cmake --build <folder> --target tool_forward")
    sfr = np.atleast_2d(sfr)
    count = len(sfr)
    with tempfile.TemporaryDirectory() as folder:
        ssp, pairs, out = (os.path.join(folder, name) for name in ("ssp.h5", "pairs.h5", "out.h5"))
        with h5py.File(ssp, "w") as f:
            f.attrs.update(format="lookback-ssp", format_version=1, lsun_erg_s=LSUN_ERG_S)
            for name in ("wavelength_angstrom", "age_gyr", "log_z_zsun"):
                f[name] = np.asarray(grid[name], float)
            f["flux_lsun_per_angstrom_per_msun"] = np.asarray(grid["flux"], np.float32)
        with h5py.File(pairs, "w") as f:
            f["sfr_msun_per_yr"] = sfr
            f["log_z_zsun"] = np.broadcast_to(log_z, sfr.shape)
            f["bin_edges_gyr"] = bin_edges_gyr
            f["redshift"] = np.zeros(count)
            f["a_v"] = np.full(count, a_v)
            f["wavelength_angstrom"] = np.asarray(grid["wavelength_angstrom"], float)
        run = subprocess.run([exe, "--ssp", ssp, "--input", pairs, "-o", out],
                             capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{exe} failed: {run.stderr.strip()}")
        with h5py.File(out) as f:
            flux = f["flux_erg_s_cm2_angstrom"][:]
    return flux * 4 * np.pi * TEN_PARSEC_CM**2 / LSUN_ERG_S


def table(rows, head):
    """Prints rows of (what, smallest, largest difference, what explains it)."""
    print(f"\n{head}\n{'history':<34}{'from':>11}{'to':>11}  explained")
    for what, difference, explained in rows:
        print(f"{what:<34}{difference.min():>+11.2e}{difference.max():>+11.2e}  {explained}")
