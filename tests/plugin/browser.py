"""A headless Chromium, driven over a pipe: what a user does with a page, and what they see."""

import base64
import json
import os
import subprocess
import sys
import time

from chromium import BROWSER, SWITCHES

SILENT = ("--mute-audio", "--autoplay-policy=no-user-gesture-required")
CODES = {" ": ("Space", 32), "Escape": ("Escape", 27), "Enter": ("Enter", 13), "Tab": ("Tab", 9)}
CODES |= {"ArrowLeft": ("ArrowLeft", 37)}

# Chromium reads commands from file descriptor 3 and writes answers to 4, so ours are moved there.
PLUMBER = """import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, end in enumerate(ends, 3):
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One tab.  Commands are those of the Chrome DevTools Protocol; messages end with a NUL."""

    def __init__(self, folder):
        commands, self.write_end = os.pipe()
        self.read_end, answers = os.pipe()

        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", PLUMBER, str(commands), str(answers), BROWSER),
                *(*SWITCHES, *SILENT, "--remote-debugging-pipe"),
                *(f"--user-data-dir={folder}/profile", "about:blank"),
            ],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self.waiting = b""
        self.number = 0
        self.events = []
        self.session = None
        [page] = [t for t in self("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        attached = self("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.write_end)
        os.close(self.read_end)

    def message(self):
        while b"\0" not in self.waiting:
            piece = os.read(self.read_end, 1 << 20)
            assert piece, "the browser has ended"
            self.waiting += piece
        text, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(text)

    def __call__(self, method, **parameters):
        """Send a command; returns its result."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.write_end, json.dumps(command).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def run(self, script):
        """The value of a script; a promise is awaited."""
        answer = self("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, script, seconds=30):
        """Wait until a script's value is true; returns the value."""
        end = time.monotonic() + seconds
        while (value := self.run(script)) in (None, False, 0, ""):  # an element is {}, and is true
            assert time.monotonic() < end, (script, self.text("body"))
            time.sleep(0.05)
        return value

    def open(self, address):
        self("Page.navigate", url=address)
        self.wait_for("document.readyState == 'complete'")

    def text(self, selector):
        """The visible text of an element."""
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def press(self, key):
        """Press and release a key."""
        code, number = CODES.get(key, ("", ord(key[0].upper())))
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        parameters = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self("Input.dispatchKeyEvent", type="keyDown", text=text, **parameters)
        self("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def write(self, text):
        """Type into the focused element."""
        self("Input.insertText", text=text)

    def click(self, selector):
        """Click the middle of an element."""
        place = self.run(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2]; }})"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    def look(self, width, height, *, dark=False):
        """Set the size of the window, and whether the user prefers light or dark."""
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = "dark" if dark else "light"
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self("Emulation.setEmulatedMedia", features=features)

    def picture(self, file):
        """Save a screenshot as a PNG."""
        file.write_bytes(base64.b64decode(self("Page.captureScreenshot", format="png")["data"]))

    def complaints(self):
        """The browser's complaints so far: errors, refused resources, exceptions, dialogs."""
        self.run("0")
        found = []
        for event in self.events:
            if event.get("method") == "Log.entryAdded":
                entry = event["params"]["entry"]
                found += [entry["text"]] if entry["level"] in ("error", "warning") else []
            elif event.get("method") in ("Runtime.exceptionThrown", "Page.javascriptDialogOpening"):
                found.append(json.dumps(event["params"]))
        return found

    def addresses(self):
        """All addresses that the page has requested."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]
