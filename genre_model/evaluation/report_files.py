"""The report files of a bundle, and the id of a new bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from genre_model.evaluation.page.render import render_html
from genre_model.evaluation.report import Report
from genre_model.model.bundle.store import REPORT_HTML, REPORT_JSON


def report_files(report: Report) -> Mapping[str, bytes]:
    """``report.json`` and ``report.html``, by name."""
    return {
        REPORT_JSON: msgspec.json.format(msgspec.json.encode(report), indent=2),
        REPORT_HTML: render_html(report).encode(),
    }


def new_bundle_id(created: datetime, *contents: bytes) -> str:
    """``YYYYMMDD-HHMMSS-`` and eight hexadecimal digits of a hash of the contents and the time."""
    parts = b"".join(contents) + created.isoformat().encode()
    return f"{created:%Y%m%d-%H%M%S}-{hashlib.sha256(parts).hexdigest()[:8]}"
