#!/usr/bin/env python3
"""Writes a lookback-ssp grid of FSPS's simple stellar populations, through python-fsps.

The defaults are Table 1 of the published method: MIST isochrones and the MILES library (python-fsps
must be compiled with them), 512 ages evenly spaced from 0 to the age of the universe, the first of
them replaced by FSPS's youngest, and 64 metallicities logzsol from -2.5 to 0.5, interpolated by
FSPS (zcontinuous = 1); no nebular emission, no dust. At these sizes it takes hours and 0.8 GB.

Needs python-fsps (pip install fsps; FSPS itself in SPS_HOME), numpy and h5py.
"""

import argparse
import math
import os
import sys
import tempfile

import fsps
import h5py
import numpy as np

LOOKBACK_ZSUN = 0.0142  # of log_z_zsun
FSPS_LSUN_ERG_PER_S = 3.839e33  # sps_vars.f90, lsun
MILES_FWHM_ANGSTROM = 2.54  # between 3525 and 7500 Angstrom; Beifiori et al. 2011
AGE_OF_THE_UNIVERSE_GYR = 13.797616  # Planck 2015
IMF = {"salpeter": (0, "Salpeter 1955"), "chabrier": (1, "Chabrier 2003"),
       "kroupa": (2, "Kroupa 2001")}  # FSPS's imf_type


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", required=True, help="the grid (lookback-ssp)")
    parser.add_argument("--ages", type=int, default=512, help="number of ages (512)")
    parser.add_argument("--metallicities", type=int, default=64,
                        help="number of metallicities (64)")
    parser.add_argument("--imf", choices=IMF, default="kroupa",
                        help="initial mass function (kroupa)")
    parser.add_argument("--wavelengths", type=float, nargs=2, metavar=("LO", "HI"),
                        default=(0, math.inf), help="keep only these, in Angstrom")
    parser.add_argument("--any-library", action="store_true",
                        help="take FSPS as compiled, not only with MIST and MILES")
    parser.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    options = parser.parse_args()
    if options.ages < 2 or options.metallicities < 2:
        sys.exit("export_fsps: --ages and --metallicities must be at least 2")
    if os.path.exists(options.output) and not options.overwrite:
        sys.exit(f"export_fsps: '{options.output}' exists; --overwrite replaces it")
    return options


def names(population, any_library):
    """Isochrones and spectral library that FSPS was compiled with."""
    found = [n.decode() if isinstance(n, bytes) else str(n) for n in population.libraries[:2]]
    if [n.strip().lower() for n in found] != ["mist", "miles"] and not any_library:
        sys.exit(f"export_fsps: FSPS was compiled with {' and '.join(found)}, not with MIST and "
                 "MILES; compile it with them, or give --any-library")
    return [n.strip().upper() for n in found]


def spectra(population, logzsol, ages_gyr, kept):
    """Fluxes [Z, A, W] in Lsun/Angstrom and surviving masses [Z, A], both per Msun formed."""
    flux = np.empty((len(logzsol), len(ages_gyr), np.count_nonzero(kept)), "f4")
    mass = np.empty(flux.shape[:2])
    for z, logz in enumerate(logzsol):
        population.params["logzsol"] = logz
        for a, age in enumerate(ages_gyr):
            flux[z, a] = population.get_spectrum(tage=age, peraa=True)[1][kept]
            mass[z, a] = np.atleast_1d(population.stellar_mass)[-1]
        print(f"export_fsps: {z + 1} of {len(logzsol)} metallicities", file=sys.stderr)
    return flux, np.clip(mass, 0, 1)


def write(path, datasets, attributes):
    """All or nothing: a temporary file beside `path` takes its name when it is complete."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(path)), suffix=".tmp")
    os.close(handle)
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(attributes)
            for name, (values, unit) in datasets.items():
                file.create_dataset(name, data=values).attrs["unit"] = unit
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main():
    options = arguments()
    imf_type, imf = IMF[options.imf]
    population = fsps.StellarPopulation(
        zcontinuous=1, sfh=0, imf_type=imf_type, compute_vega_mags=False, dust1=0.0, dust2=0.0,
        add_neb_emission=False, add_neb_continuum=False, add_dust_emission=False,
        add_agb_dust_model=False)
    isochrones, library = names(population, options.any_library)
    ages_gyr = np.linspace(0, AGE_OF_THE_UNIVERSE_GYR, options.ages)
    ages_gyr[0] = 10 ** (population.ssp_ages[0] - 9)
    logzsol = np.linspace(-2.5, 0.5, options.metallicities)
    zsun = float(population.solar_metallicity)
    wavelengths = np.asarray(population.wavelengths, "f8")
    kept = (wavelengths >= options.wavelengths[0]) & (wavelengths <= options.wavelengths[1])
    flux, mass = spectra(population, logzsol, ages_gyr, kept)
    attributes = {
        "format": "lookback-ssp", "format_version": 1, "created_by": "export_fsps.py",
        "config": "{}", "imf": imf, "isochrones": isochrones, "stellar_library": library,
        "source": f"python-fsps {fsps.__version__} (Conroy et al. 2009, Conroy & Gunn 2010)",
        "license": "FSPS: MIT", "lsun_erg_s": FSPS_LSUN_ERG_PER_S, "original_zsun": zsun,
        "original_medium": "vacuum"}
    if library == "MILES":
        attributes["resolution_fwhm_angstrom"] = MILES_FWHM_ANGSTROM
    write(options.output, {
        "wavelength_angstrom": (wavelengths[kept], "Angstrom"),
        "age_gyr": (ages_gyr, "Gyr"),
        "log_z_zsun": (logzsol + math.log10(zsun / LOOKBACK_ZSUN), "log10(Z/0.0142)"),
        "flux_lsun_per_angstrom_per_msun": (flux, "Lsun/Angstrom/Msun formed"),
        "surviving_mass_fraction": (mass, "Msun/Msun formed")}, attributes)


if __name__ == "__main__":
    main()
