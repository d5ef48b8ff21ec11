"""Make the README's picture of a report: the top of a ``report.html``, drawn by Chromium.

    python docs/tools/report_picture.py REPORT.html docs/report.png

Chromium must be on the PATH.  The part that is shown names no songs.  The comparison with other
models is left out, because the shipped model was fitted on half of the artists of the development
music.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 1100, 1290  # down to the end of the table of genres
MARGIN = 150  # Chromium leaves the last lines of its window blank
NAMES = ("chromium", "google-chrome", "chrome")
WITHOUT_MODELS = "<style>#models { display: none }</style></head>"
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")


def main() -> None:
    report, output = map(Path, sys.argv[1:])
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        sys.exit("There is no Chromium on the PATH.")
    with tempfile.TemporaryDirectory() as folder:
        size = f"--window-size={WIDTH},{HEIGHT + MARGIN}"
        command = [browser, *SWITCHES, f"--user-data-dir={folder}", size, f"--screenshot={output}"]
        shown = Path(folder, "report.html")
        content = report.read_text(encoding="utf-8").replace("</head>", WITHOUT_MODELS)
        shown.write_text(content, encoding="utf-8")
        subprocess.run([*command, shown.as_uri()], check=True, capture_output=True)
    with Image.open(output) as image:
        image.crop((0, 0, WIDTH, HEIGHT)).quantize(64).save(output, optimize=True)


if __name__ == "__main__":
    main()
