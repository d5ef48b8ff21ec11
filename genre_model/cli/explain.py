"""``genre-model explain``: why a file gets its genre, as text and as a picture."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from genre_model.cli.common import (
    add_answer_options,
    png_file,
    say,
    wished_policy,
    wished_vocabulary,
)
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.files import is_there
from genre_model.data.folder import read_tags
from genre_model.explain.evidence import Explanation, evidence_of, reason_of
from genre_model.explain.picture import save_explanation
from genre_model.explain.text import explanation_lines
from genre_model.explain.viewer import show
from genre_model.features.png import pillow
from genre_model.model.vocabulary import Policy, judge

if TYPE_CHECKING:
    from genre_model.model.classifier import Classifier, SongFeatures


def add_explain(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("-o", "--output", type=png_file, metavar="PNG", help="draw a picture")
    parser.add_argument("--open", action="store_true", help="show the picture")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    add_answer_options(parser)
    parser.set_defaults(run=run_explain)


def run_explain(options: argparse.Namespace) -> int:
    """Explain one file."""
    from genre_model.model.bundle.store import load_bundle
    from genre_model.model.classifier import Classifier

    output: Path | None = options.output
    check_picture(options)
    classifier = Classifier(load_bundle(options.model), lazily=True)
    manifest = classifier.manifest
    vocabulary = wished_vocabulary(manifest, options.genres)
    policy = wished_policy(manifest, options.threshold, options.count)
    try:
        extracted = features_of(options, classifier, policy)
        song = judge(classifier.probabilities(extracted), vocabulary, policy)
        explanation = Explanation(
            title_of(options.file),
            song,
            reason_of(song, policy),
            evidence_of(classifier, extracted, vocabulary, song.best.genre) if song.best else None,
            manifest.bundle_id,
            vocabulary.written(manifest.genres),
        )
        say(explanation_lines(explanation, sys.stdout.encoding))
        if output is not None and song.best:
            save_explanation(explanation, options.file, manifest.spectrogram, output)
    except AudioError as error:
        raise GenreModelError(f"{options.file}: {error}") from error
    if output is None:
        return 0
    if not song.best:
        raise GenreModelError(f"{output} is not drawn, as nothing is to be heard")
    say([f"  {output}"])
    if options.open:
        show(output)
    return 0


def check_picture(options: argparse.Namespace) -> None:
    """Make sure that the picture can be drawn, if the user asks for one.

    Raises:
        GenreModelError: It cannot be drawn, would replace a file, or ``--open`` has none to show.
    """
    output: Path | None = options.output
    if options.open and output is None:
        raise GenreModelError("--open shows the picture that -o makes")
    if output is not None:
        pillow()
        if is_there(output) and not options.force:
            raise GenreModelError(f"{output} is there already; --force overwrites it")


def features_of(
    options: argparse.Namespace, classifier: Classifier, policy: Policy
) -> SongFeatures:
    """The features of the file.

    Raises:
        AudioError: No features can be extracted from the file.
        GenreModelError: The model cannot be used.
    """
    from genre_model.extraction.extractor import Effort
    from genre_model.extraction.tasks import log_bug
    from genre_model.extraction.workers import extract_many, local_pool
    from genre_model.model.classifier import SongFeatures

    effort = Effort(
        options.thorough,
        until_stable=True,
        threshold=policy.threshold,
        time_limit_s=options.time_limit,
    )
    classifier.try_out()  # as the worker expects
    with closing(local_pool(classifier, None, effort, n_workers=1, n_files=1)) as pool:
        pool.check()
        [(_, found)] = extract_many(pool, [options.file], lambda path: path, log_bug)
    if not isinstance(found, SongFeatures):
        raise AudioError(str(found))
    return found


def title_of(path: Path) -> str:
    """Artist and title as tagged, or the file's name."""
    tags = read_tags(path)
    return " - ".join(part for part in (tags.artist, tags.title) if part) or path.stem
