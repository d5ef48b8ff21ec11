"""``genre-model explain``: why a file gets its genre, as text and as a picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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
from genre_model.explain.evidence import explanation_of, reason_of
from genre_model.explain.picture import save_explanation
from genre_model.explain.text import explanation_lines
from genre_model.explain.viewer import show
from genre_model.features.png import pillow


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
    from genre_model.extraction.classify import judged
    from genre_model.extraction.extractor import Effort
    from genre_model.model.bundle.store import load_bundle
    from genre_model.model.classifier import Classifier

    output: Path | None = options.output
    check_picture(options)
    classifier = Classifier(load_bundle(options.model), lazily=True)
    vocabulary = wished_vocabulary(classifier.manifest, options.genres)
    policy = wished_policy(classifier.manifest, options.threshold, options.count)
    effort = Effort(options.thorough, until_stable=True, time_limit_s=options.time_limit)
    [found] = judged([options.file], classifier, vocabulary, policy, effort)
    if found.song is None or found.features is None:
        raise GenreModelError(f"{options.file}: {found.error}")
    explanation = explanation_of(
        title_of(options.file),
        found.song,
        found.features,
        classifier,
        vocabulary,
        reason_of(found.song, policy),
    )
    say(explanation_lines(explanation, sys.stdout.encoding))
    if output is None:
        return 0
    if not found.song.best:
        raise GenreModelError(f"{output} is not drawn: the file is silent")
    try:
        save_explanation(explanation, options.file, classifier.manifest.spectrogram, output)
    except AudioError as error:
        raise GenreModelError(f"{options.file}: {error}") from error
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


def title_of(path: Path) -> str:
    """Artist and title as tagged, or the file's name."""
    tags = read_tags(path)
    return " - ".join(part for part in (tags.artist, tags.title) if part) or path.stem
