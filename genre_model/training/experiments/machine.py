"""A short description of the machine that a training ran on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from genre_model.core.processor import n_cores, processor_name
from genre_model.core.text import count
from genre_model.training.networks.base import Estimator, Network


def machine(learner: Network | Estimator) -> str:
    """The processor, the number of cores, the operating system, and the learner's library."""
    library = "tensorflow" if isinstance(learner, Network) else "scikit-learn"
    try:
        library = f"{library} {version(library)}"
    except PackageNotFoundError:
        library = f"without {library}"
    return f"{processor_name()}, {count(n_cores(), 'core')}, {platform.system()}, {library}"
