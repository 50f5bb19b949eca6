"""One file from a server to the disk: continued where it was cut, tried again where the server failed, then checked."""

import http.client
import ipaddress
import os
import shutil
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import quote, urlsplit

from kerasmed.errors import ConfigError, DataError
from kerasmed.files import sha256_file, sync_folder

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_LONGEST_PAUSE_S = 60.0
_PASSING_STATUS = {408, 425, 429, 500, 502, 503, 504}
_RANGE_BEYOND_END = 416
# A disk filled to its last byte stops more than this download.
_SPARE_BYTES = 64 << 20

Result = TypeVar("Result")


class _PassingError(Exception):
    """A failure that may pass: the same request is worth another try.

    Args:
        reason: What failed.
        pause_s: What the server asks to wait at least.
    """

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


@dataclass(frozen=True)
class Retry:
    """How often a request is made in all, and the wait after the first failure; each further wait is twice as long."""

    attempts: int = 4
    pause_s: float = 1.0


PATIENT = Retry()


class Server:
    """The files below one address.

    Args:
        url: https, or http where the server is on this machine.
        access_help: What to do where the server says that one may not have a file.
        retry: What to do where it fails.

    Raises:
        ConfigError: `url` is something else.
    """

    def __init__(self, url: str, access_help: str, retry: Retry) -> None:
        parts = urlsplit(url)
        on_this_machine = _is_loopback(parts.hostname or "")
        if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not on_this_machine) or parts.username:
            raise ConfigError(f"base_url {url!r}: write an address that begins with https:// and names no user.")
        self.url, self.access_help, self.retry = url.rstrip("/"), access_help, retry
        handlers: list[urllib.request.BaseHandler] = [_SameHostRedirects()]
        if on_this_machine:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End every transfer at its next chunk, with a `DataError`; what has come stays for the next time."""
        self._stopped.set()

    def read(self, path: str, max_bytes: int) -> bytes:
        """The content of a file.

        Raises:
            DataError: It cannot be had, or is longer than `max_bytes`.
        """

        def request() -> bytes:
            with self._open(path, 0) as response:
                content = response.read(max_bytes + 1)
                if len(content) > max_bytes:
                    raise DataError(self.address(path), f"longer than {max_bytes} bytes.")
                _check_complete(response, len(content))
                return content

        return self._tried(path, request)

    def fetch(self, path: str, target: Path, sha256: str) -> None:
        """Bring `path` to `target`, which appears whole or not at all; a part that an earlier try left is continued.

        Raises:
            DataError: It cannot be had, its content is not `sha256`, or it cannot be written.
        """
        part = target.with_name(target.name + ".part")

        def request() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._continue(path, part)
            if sha256_file(part) != sha256:
                part.unlink()
                raise _PassingError("its SHA-256 is not the one that SHA256SUMS.txt names")
            part.replace(target)
            sync_folder(target.parent)

        self._tried(path, request)

    def address(self, path: str) -> str:
        """Full address of `path`."""
        return f"{self.url}/{quote(path)}"

    def _tried(self, path: str, request: Callable[[], Result]) -> Result:
        reason, pause_s = "", 0.0
        for attempt in range(self.retry.attempts):
            # Returns at once where the download has been stopped.
            self._stopped.wait(pause_s)
            try:
                return request()
            except (_PassingError, urllib.error.URLError, http.client.HTTPException) as error:
                reason, asked_s = self._passing_reason(path, error)
            except (ConnectionError, TimeoutError, ssl.SSLError) as error:
                reason, asked_s = f"the connection broke ({_words(error)})", 0.0
            except OSError as error:
                raise DataError(str(error.filename or path), f"cannot be written: {_words(error)}.") from error
            pause_s = min(max(self.retry.pause_s * 2**attempt, asked_s), _LONGEST_PAUSE_S)
        raise DataError(
            self.address(path),
            f"{reason} ({self.retry.attempts} tries).",
            "Start it again to go on where it ended; check the network, or HTTPS_PROXY where you need a proxy.",
        )

    def _passing_reason(self, path: str, error: Exception) -> tuple[str, float]:
        """What failed, and the pause the server asks for; raises where another try cannot help."""
        if isinstance(error, _PassingError):
            return str(error), error.pause_s
        if not isinstance(error, urllib.error.HTTPError):
            return f"cannot be reached ({_words(error)})", 0.0
        error.close()
        if error.code in _PASSING_STATUS:
            asked = error.headers.get("Retry-After", "")
            return f"the server answered {error.code} {error.reason}", float(asked) if asked.isdecimal() else 0.0
        if error.code in (401, 403):
            raise DataError(self.address(path), f"access denied ({error.code}).", self.access_help) from error
        if error.code == 404:
            raise DataError(self.address(path), "the server has no such file (404).") from error
        raise DataError(self.address(path), f"the server answered {error.code} {error.reason}.") from error

    def _open(self, path: str, start: int) -> HTTPResponse:
        if self._stopped.is_set():
            raise DataError(self.address(path), "stopped.")
        headers = {"User-Agent": "kerasmed"} | ({"Range": f"bytes={start}-"} if start else {})
        # Server checks the scheme once, and redirects stay on its host.
        request = urllib.request.Request(self.address(path), headers=headers)  # noqa: S310
        response: HTTPResponse = self._opener.open(request, timeout=_TIMEOUT_S)
        return response

    def _continue(self, path: str, part: Path) -> None:
        start = part.stat().st_size if part.exists() else 0
        try:
            response = self._open(path, start)
        except urllib.error.HTTPError as error:
            if error.code == _RANGE_BEYOND_END and start:
                error.close()
                return  # the part is as long as the file, or it is not of this file: its hash will tell
            raise
        with response:
            if response.status == http.client.PARTIAL_CONTENT:
                _check_range(response, start, part)
            else:
                start = 0  # this server sends the whole file whatever one asks for
            check_room(part.parent, self.address(path), _content_length(response) or 0)
            with part.open("ab" if start else "wb") as file:
                self._copy(response, file, path)

    def _copy(self, response: HTTPResponse, file: IO[bytes], path: str) -> None:
        received = 0
        try:
            while chunk := response.read(_CHUNK_BYTES):
                received += file.write(chunk)
                if self._stopped.is_set():
                    raise DataError(self.address(path), "stopped.")
        finally:
            file.flush()
            os.fsync(file.fileno())
        _check_complete(response, received)


class _SameHostRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect on the same host alone: a mirror nobody named is not where the data were asked from."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            fp.close()
            there = "{0.scheme}://{0.netloc}".format(urlsplit(newurl))
            raise DataError(req.full_url, f"the server sends us to {there}, which was not asked for.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_room(folder: Path, what: str, needed_bytes: int) -> None:
    """Refuse to start what cannot fit.

    Raises:
        DataError: `folder` has less than `needed_bytes` (and a little to spare) free.
    """
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes + _SPARE_BYTES > free_bytes:
        raise DataError(
            what, f"needs {needed_bytes / 1e6:,.0f} MB, and {folder} has {free_bytes / 1e6:,.0f} MB.", "Make room."
        )


def _check_complete(response: HTTPResponse, received: int) -> None:
    expected = _content_length(response)
    if expected is not None and received < expected:
        raise _PassingError(f"the connection ended after {received} of {expected} bytes")


def _check_range(response: HTTPResponse, start: int, part: Path) -> None:
    told = response.headers.get("Content-Range", "")
    if not told.startswith(f"bytes {start}-"):
        part.unlink()
        raise _PassingError(f"the server sent another range than the one asked for ({told!r})")


def _content_length(response: HTTPResponse) -> int | None:
    told = response.headers.get("Content-Length", "")
    return int(told) if told.isdecimal() else None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
