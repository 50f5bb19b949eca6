"""A true HTTP server on this machine that serves a folder the way PhysioNet does, and can be told to fail."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class FakePhysionet:
    """What the server has and how it behaves; change it between requests.

    Attributes:
        url: What to give as `base_url`.
        files: Path (with name and version of the database) to content.
        faults: Path to faults, each used up by one request: an HTTP status, or "cut" (the connection ends in mid-file),
            or "location URL" (a redirect).
        honours_ranges: Answers a Range with the rest of the file.
        seen: (path, Range or None) of each request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[int | str]] = field(default_factory=dict)
    honours_ranges: bool = True
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def publish(self, database: str, files: dict[str, bytes]) -> None:
        """Serve `files` below `database` with their SHA256SUMS.txt."""
        self.files |= {f"{database}/{name}": content for name, content in files.items()}
        sums = "".join(f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in files.items())
        self.files[f"{database}/SHA256SUMS.txt"] = sums.encode()

    def ranges(self, path: str) -> list[str | None]:
        """The Range of each request for `path`."""
        return [asked for seen, asked in self.seen if seen == path]


@contextmanager
def serve() -> Iterator[FakePhysionet]:
    """A server at work while the block runs."""
    site = FakePhysionet()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(site)) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def _handler(site: FakePhysionet) -> type[BaseHTTPRequestHandler]:
    class Answer(_Answer):
        pass

    Answer.site = site
    return Answer


class _Answer(BaseHTTPRequestHandler):
    site: FakePhysionet

    def do_GET(self) -> None:
        path = unquote(self.path.lstrip("/"))
        self.site.seen.append((path, self.headers["Range"]))
        faults = self.site.faults.get(path, [])
        fault = faults.pop(0) if faults else ""
        if isinstance(fault, int):
            self.send_error(fault)
        elif fault.startswith("location "):
            self.send_response(302)
            self.send_header("Location", fault.removeprefix("location "))
            self.end_headers()
        elif path not in self.site.files:
            self.send_error(404)
        else:
            self.send_content(self.site.files[path], cut=fault == "cut")

    def send_content(self, content: bytes, cut: bool) -> None:
        asked = self.headers["Range"] if self.site.honours_ranges else None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if asked and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : (start + len(content)) // 2 if cut else None])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
