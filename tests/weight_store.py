"""A store and a catalogue for a test alone, with tiny weights, and a server that sends what it is told."""

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import torch
import yaml

STATE = {"encoder.weight": torch.arange(6.0).reshape(2, 3), "encoder.bias": torch.ones(2)}


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


class Store:
    """Weights `tiny` and `other`, published at a server, and `packed`, in a package; a file of each lies in `originals`."""

    def __init__(self, root, patch):
        self.root, self.originals, self.folder = root, root / "originals", root / "cache" / "weights"
        self._patch, self.entries = patch, {}
        self.originals.mkdir()
        patch.setenv("SPINEFM_CACHE", str(root / "cache"))
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr("spinefm.files.weight_files.CATALOGUE", root / "weights.yaml")
        self.publish("tiny", STATE)
        self.publish("other", {"bias": torch.zeros(3)})
        self.publish("packed", {"bias": torch.ones(4)}, package="spinefm_test_package.asset", extra="packed")

    def publish(self, name, content, **entry):
        """Add something to the catalogue; gives its file."""
        path = self.originals / f"{name}.pth"
        torch.save(content, path)
        whole = path.read_bytes()
        known = {"file": path.name, "size": len(whole), "sha256": hashlib.sha256(whole).hexdigest(), "licence": "MIT"}
        self.change(name, **known, url=f"http://127.0.0.1:1/{path.name}", **entry)
        return path

    def change(self, name, **entry):
        self.entries[name] = self.entries.get(name, {}) | entry
        (self.root / "weights.yaml").write_text(yaml.safe_dump(self.entries, sort_keys=False))

    def put(self, name):
        """Put the right file into the store, without importing it; gives it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.pth"
        path.write_bytes((self.originals / path.name).read_bytes())
        return path

    def install(self, name):
        """Install the package that brings a file; executing anything of it is an error. Gives the file."""
        folder = self.root / "site" / "spinefm_test_package"
        (folder / "asset").mkdir(parents=True)
        for each in (folder, folder / "asset"):
            (each / "__init__.py").write_text("raise AssertionError('the package was imported')\n")
        self._patch.syspath_prepend(folder.parent)
        path = folder / "asset" / f"{name}.pth"
        path.write_bytes((self.originals / path.name).read_bytes())
        return path

    @contextmanager
    def serving(self, name, status=200, body=None, length=None):
        """Serve a file at a free port of this machine, and say so in the catalogue; gives the list of requests.

        `body` is sent in place of the file, `length` is what the header promises.
        """
        body, requests = (self.originals / f"{name}.pth").read_bytes() if body is None else body, []
        listening = HTTPServer(("127.0.0.1", 0), _handler(status, body, len(body) if length is None else length, requests))
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        self.change(name, url=f"http://127.0.0.1:{listening.server_port}/{name}.pth")
        try:
            yield requests
        finally:
            listening.shutdown()
            listening.server_close()
            thread.join()

    def kept(self):
        """Names of all files in the store."""
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []


def same(found, expected):
    """Whether two state dicts hold the same."""
    return found.keys() == expected.keys() and all(torch.equal(value, expected[key]) for key, value in found.items())


def flip_a_byte(path):
    whole = bytearray(Path(path).read_bytes())
    whole[len(whole) // 2] ^= 1
    Path(path).write_bytes(whole)


def _handler(status, body, length, requests):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    return Handler
