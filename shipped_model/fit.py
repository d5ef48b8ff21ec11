"""Make the shipped bundle: fit its head on one half of the artists, report on the other.

    python -m shipped_model.fit MUSIC network.onnx LICENSE-musicnn.md genre_model/shipped \
        --renderings FITTED --report docs/shipped-model.md

MUSIC is a folder with ``manifest.csv`` (path, genre, style, artist, set); ``network.onnx`` comes
from ``shipped_model.conversion.convert``, and FITTED from ``shipped_model.renderings``.  Everything
about genres and labels is in ``genres.yaml``.  Nothing is chosen on the half that is reported: the
ridge, the balance and the calibration come from five folds by artist inside the other half.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shipped_model.bundle import model_card, provenance_of, write_shipped
from shipped_model.choice import calibrate, choose_head_settings
from shipped_model.clips import fitted_half, label_clips, read_features, read_rows, without_features
from shipped_model.head import fit_on, tag_prior
from shipped_model.report import make_report
from shipped_model.settings import read_settings

PAGE_HEAD = "<!-- Written by shipped_model/fit.py: change that, not this. -->\n\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit the head, report on it and write the bundle."""
    options = parse(arguments)
    settings, rows = read_settings(), read_rows(options.music)
    features = read_features(options.music, rows, options.network, options.features)
    half = fitted_half(without_features(rows, settings))
    if options.renderings:
        more = read_rows(options.renderings)
        features += read_features(options.renderings, more, options.network, None)
        rows += more
    clips, prior = label_clips(rows, features, settings), tag_prior(options.network, settings)

    fit, kept_out = np.flatnonzero(half), np.flatnonzero(~half)
    chosen = choose_head_settings(clips, fit, prior)
    spec = calibrate(clips, fit, prior, chosen)
    head = fit_on(clips, fit, prior, chosen)
    print(f"{chosen}, {spec}")

    report = make_report(clips, fit, kept_out, head, spec, settings, prior, chosen)
    fitted = np.concatenate([fit, clips.renderings])
    provenance = provenance_of(clips, fitted, settings, chosen)
    options.report.write_text(PAGE_HEAD + model_card(provenance, report), encoding="utf-8")
    network, licence = options.network.read_bytes(), options.licence.read_bytes()
    bundle = write_shipped(
        options.output, network, licence, settings, head, spec, provenance, report
    )
    print(bundle.manifest.bundle_id)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command's arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("music", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("licence", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--renderings", type=Path, help="what shipped_model.renderings has written")
    parser.add_argument("--features", type=Path, help="keep the embeddings in this file (.npz)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
