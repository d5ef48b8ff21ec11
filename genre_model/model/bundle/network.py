"""Open the network of a bundle after the audit, which the shipped network does not need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genre_model.core.errors import BundleError, NetworkError
from genre_model.core.memory import keep_freed_memory
from genre_model.model.bundle.audit import audit_network
from genre_model.model.bundle.store import Bundle
from genre_model.model.bundle.trial import is_shipped
from genre_model.model.onnx.session import open_checked

if TYPE_CHECKING:
    import onnxruntime


def load_session(bundle: Bundle) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session of a bundle's network, for a process that extracts features.

    Raises:
        BundleError: The network has something that is not allowed, or ONNX Runtime refuses it.
    """
    keep_freed_memory()
    content = bundle.read(bundle.manifest.network.file)
    try:
        if not is_shipped(bundle):
            audit_network(content, bundle.manifest.network)
        return open_checked(content)
    except ValueError as error:
        raise BundleError(f"{bundle.directory}: the network {error}") from error
    except NetworkError as error:
        raise BundleError(f"{bundle.directory}: {error}") from error
