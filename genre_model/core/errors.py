"""Errors in two tiers: those of one track, and those of the whole run."""

from __future__ import annotations


def reason(error: BaseException) -> str:
    """The short text of a system or FFmpeg error, without its number and file name."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


class GenreModelError(Exception):
    """Base of every expected failure; its text is one sentence for the user."""


class AudioError(GenreModelError):
    """This track cannot be decoded or analysed; others can."""


class TooShortError(AudioError):
    """This track is too short to say anything about it."""


class SeekError(AudioError):
    """A position in this track can only be reached by decoding everything before it."""


class NetworkError(GenreModelError):
    """A network cannot be loaded, or should not be."""


class BundleError(GenreModelError):
    """The model bundle is missing, broken or not what it claims to be: the run cannot go on."""
