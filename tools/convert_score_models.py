#!/usr/bin/env python3
"""Turns a checkpoint folder of score_models (NCSNpp, VE-SDE) into a lookback-prior, and back.

  convert_score_models.py checkpoints -o prior.h5 [--histories histories.h5]
  convert_score_models.py --to-score-models prior.h5 -o checkpoints

The newest checkpoint is taken: the highest number at the end of checkpoint*.pt. score_models keeps
neither the time bins nor the normalisation of its data. They come from --histories (mean and
standard deviation of the histories not held out), or from lookback.json, which the way back leaves
in the folder; without either the network's variables stand for themselves: mean 0, deviation 1, and
equal bins up to the age of the universe. The way back writes the weights that are evaluated (the
moving average), as score_models does; the state of a training stays behind.

Needs PyTorch, numpy and h5py; score_models itself is not needed.
"""

import argparse
import json
import os
import re
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np

AGE_OF_THE_UNIVERSE_GYR = 13.797616  # Planck 2015
SUPPORTED = {"model_architecture": "NCSNpp", "sde": "ve", "resblock_type": "biggan",
             "dimensions": 1, "dropout": 0}
SWITCHES = ("fir", "skip_rescale", "attention")  # whole numbers in our files, booleans in theirs
NOT_IN_A_PRIOR = {"model_architecture": "NCSNpp", "resample_with_conv": True,
                  "condition": ["None"], "condition_num_embedding": None,
                  "condition_input_channels": None, "condition_vector_channels": None}


def fail(*parts):
    sys.exit("convert_score_models: " + "".join(str(part) for part in parts))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("input", nargs="?", help="checkpoint folder of score_models")
    parser.add_argument("--to-score-models", metavar="PRIOR", help="the prior to turn back")
    parser.add_argument("-o", "--output", required=True, help="the prior, or the folder")
    parser.add_argument("--histories", help="time bins and normalisation (lookback-histories)")
    parser.add_argument("--length", type=int, default=64, help="time bins where nothing else says")
    parser.add_argument("--overwrite", action="store_true", help="replace a prior that exists")
    options = parser.parse_args()
    if (options.input is None) == (options.to_score_models is None):
        fail("give either a checkpoint folder or --to-score-models PRIOR")
    replaced = options.overwrite and options.to_score_models is None
    if os.path.exists(options.output) and not replaced:
        fail("'", options.output, "' exists; ",
             "--overwrite replaces it" if options.input else "give a new folder")
    return options


def newest_checkpoint(folder):
    numbered = [(int(re.findall(r"\d+", path.stem)[-1]), path)
                for path in folder.glob("checkpoint*.pt") if re.search(r"\d", path.stem)]
    if not numbered:
        fail("'", folder, "' holds no checkpoint*.pt")
    return max(numbered)[1]


def read_hyperparameters(folder):
    path = folder / "model_hparams.json"
    if not path.is_file():
        fail("'", path, "' is missing; expected the folder that score_models' fit wrote")
    found = json.loads(path.read_text())
    for name, value in SUPPORTED.items():
        given = found.get(name, value)
        if given != value and str(given).lower() != str(value).lower():
            fail("'", path, "': ", name, " is ", given, "; only ", value, " is supported")
    if found.get("condition") not in (None, "None", ["None"]):
        fail("'", path, "': conditional networks are not supported")
    return {name: value for name, value in (found | SUPPORTED).items()
            if name not in NOT_IN_A_PRIOR}


def read_weights(path):
    import torch  # here, since it takes seconds, which no refusal should
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # PyTorch raises many kinds
        fail("'", path, "' cannot be read as a checkpoint; is the file whole?")
    return {name.removeprefix("model."): np.asarray(tensor, dtype="f4")
            for name, tensor in state.items()}


def variables(folder, channels, options):
    """bin_edges_gyr [L + 1], mean and std [C, L], attributes of the star-formation rate's variable."""
    sfr = {}
    kept = folder / "lookback.json"
    if options.histories:
        with h5py.File(options.histories) as file:
            train = file["is_test"][:] == 0 if "is_test" in file else slice(None)
            data = np.stack([file[name][:][train].astype("f8")
                             for name in ("sfr_msun_per_yr", "log_z_zsun")], axis=1)
            edges, mean, std = file["bin_edges_gyr"][:], data.mean(0), data.std(0)
    elif kept.is_file():
        found = json.loads(kept.read_text())
        edges, mean, std = (np.array(found[k], "f8") for k in ("bin_edges_gyr", "mean", "std"))
        sfr = found.get("sfr", {})
    else:
        print("convert_score_models: no --histories: mean 0, standard deviation 1, "
              f"{options.length} equal time bins", file=sys.stderr)
        edges = np.linspace(0, AGE_OF_THE_UNIVERSE_GYR, options.length + 1)
        mean, std = np.zeros((channels, options.length)), np.ones((channels, options.length))
    if mean.shape != (channels, len(edges) - 1) or std.shape != mean.shape or not (std > 0).all():
        fail("the normalisation has the shape ", list(mean.shape), "; expected [", channels, ", ",
             len(edges) - 1, "] and positive deviations")
    return edges, mean, std, sfr


def temporary_of(target):
    """Beside `target`, which it becomes when it is complete."""
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")


def to_prior(options):
    folder = Path(options.input)
    hyper = read_hyperparameters(folder)
    weights = read_weights(newest_checkpoint(folder))
    edges, mean, std, sfr = variables(folder, hyper["channels"], options)
    target = Path(options.output).absolute()
    temporary = temporary_of(target)
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update({"format": "lookback-prior", "format_version": 1,
                               "created_by": "convert_score_models.py", "config": "{}"})
            group = file.create_group("hyperparameters")
            for name, value in hyper.items():
                group.attrs[name] = int(value) if name in SWITCHES else value
            group.attrs["length"] = len(edges) - 1
            for name, values in weights.items():
                file[f"weights/{name}"] = values
            file["normalization/mean"], file["normalization/std"] = mean, std
            file["normalization"].attrs.update(sfr)
            file["bin_edges_gyr"] = edges
            file["bin_edges_gyr"].attrs["unit"] = "Gyr"
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def plain(value):
    """An HDF5 attribute as JSON has it."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def to_score_models(options):
    with h5py.File(options.to_score_models) as file:
        if file.attrs.get("format") != "lookback-prior":
            fail("'", options.to_score_models, "' is no lookback-prior")
        hyper = {name: plain(value) for name, value in file["hyperparameters"].attrs.items()}
        if hyper.pop("preconditioned", 0):
            fail("'", options.to_score_models, "' has a preconditioned network, which score_models "
                 "does not know; train one with --preconditioning none")
        weights = {name: data[:].astype("f4") for name, data in file["weights"].items()}
        sfr = {name: plain(value) for name, value in file["normalization"].attrs.items()}
        kept = {"bin_edges_gyr": file["bin_edges_gyr"][:].tolist(),
                "mean": file["normalization/mean"][:].tolist(),
                "std": file["normalization/std"][:].tolist(), "sfr": sfr}
        losses = file["training/losses"][:] if "training/losses" in file else []
    import torch
    cost = float(losses[-1]) if len(losses) else 0.0
    hyper.pop("length", None)
    hyper.update({name: bool(hyper[name]) for name in SWITCHES if name in hyper}, **NOT_IN_A_PRIOR)
    target = Path(options.output).absolute()
    temporary = temporary_of(target)
    temporary.mkdir()
    try:
        (temporary / "model_hparams.json").write_text(json.dumps(hyper, indent=4))
        (temporary / "lookback.json").write_text(json.dumps(kept))
        (temporary / "score_sheet.txt").write_text(f"1 {cost}\n")
        torch.save({name: torch.from_numpy(values) for name, values in weights.items()},
                   temporary / f"checkpoint_{cost:.4e}_001.pt")
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary)
        raise


def main():
    options = arguments()
    try:
        to_score_models(options) if options.to_score_models else to_prior(options)
    except (ImportError, OSError, KeyError, ValueError) as error:
        fail(options.input or options.to_score_models, ": ", str(error).splitlines()[0])


if __name__ == "__main__":
    main()
