"""The connection to a server: endpoint, TLS, credentials and the settings that differ from the defaults of gRPC."""

from __future__ import annotations

import dataclasses
import os
import urllib.parse
from typing import Any, Callable, Sequence

import grpc

from . import otel
from .credentials import Token
from .errors import SetupError

DEFAULT_ENDPOINT = "http://127.0.0.1:7077"

_OPTIONS: list[tuple[str, Any]] = [
    # An assignment may be larger than the 4 MiB that are the default.
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    # A dead connection is noticed also while nothing is said on it.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Repeats are ours: only the server knows which calls are safe to repeat.
    ("grpc.enable_retries", 0),
]


@dataclasses.dataclass(frozen=True)
class Tls:
    """Files for TLS. `ca_file` replaces the system's authorities; certificate and key are shown to the server."""

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    @classmethod
    def from_environment(cls) -> "Tls | None":
        """What `TASKER_CA_FILE`, `TASKER_CLIENT_CERT` and `TASKER_CLIENT_KEY` name; None when none is set."""
        files = [os.environ.get(name) or None for name in ("TASKER_CA_FILE", "TASKER_CLIENT_CERT", "TASKER_CLIENT_KEY")]
        return cls(*files) if any(files) else None


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a server is and what is shown to it."""

    endpoint: str
    token: Token | None = None
    tls: Tls | None = None

    @classmethod
    def of(cls, endpoint: str | None, token: "Token | str | Callable[[], str] | None", tls: Tls | None) -> "Target":
        """Completes what was given by the environment. Raises SetupError."""
        if isinstance(token, str):
            token = Token.of(token)
        elif token is not None and not isinstance(token, Token):
            token = Token.from_provider(token)
        target = cls(
            endpoint or os.environ.get("TASKER_ENDPOINT") or DEFAULT_ENDPOINT,
            token or Token.from_environment(),
            tls or Tls.from_environment(),
        )
        target.address()
        return target

    def address(self) -> tuple[str, bool]:
        """What gRPC dials, and whether by TLS. Raises SetupError."""
        text = self.endpoint
        if text.startswith("unix:"):
            return text, False
        if "://" not in text:
            text = f"http://{text}"
        parts = urllib.parse.urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SetupError(f"{self.endpoint} is no endpoint: http://HOST:PORT, https://HOST:PORT or unix:PATH")
        if self.tls is not None and parts.scheme != "https":
            raise SetupError(f"TLS files are given, but {self.endpoint} is no https:// endpoint")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 7077)
        except ValueError:
            raise SetupError(f"{self.endpoint} has no valid port") from None
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{host}:{port}", parts.scheme == "https"

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """The TLS credentials; files are read now, so each new connection sees rotated ones."""
        tls = self.tls or Tls()
        read = [_read(path) for path in (tls.ca_file, tls.key_file, tls.certificate_file)]
        return grpc.ssl_channel_credentials(*read)

    def open(self) -> grpc.Channel:
        """A channel for blocking calls."""
        address, secure = self.address()
        if secure:
            channel = grpc.secure_channel(address, self.channel_credentials(), options=_OPTIONS)
        else:
            channel = grpc.insecure_channel(address, options=_OPTIONS)
        return grpc.intercept_channel(channel, _Headers(self.token))

    def open_aio(self) -> "grpc.aio.Channel":
        """A channel for calls in an event loop."""
        address, secure = self.address()
        interceptors = [kind(self.token) for kind in _AIO]
        if secure:
            return grpc.aio.secure_channel(address, self.channel_credentials(), _OPTIONS, None, interceptors)
        return grpc.aio.insecure_channel(address, _OPTIONS, None, interceptors)


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error


def headers(token: Token | None, given: Sequence[tuple[str, Any]] | None) -> list[tuple[str, Any]]:
    """The metadata of a call: what was given, the token, and the caller's place in a trace."""
    result = list(given or ())
    names = {name for name, _ in result}
    if token is not None and "authorization" not in names:
        result.append(("authorization", f"Bearer {token.text()}"))
    if "traceparent" not in names:
        result.extend(otel.outgoing())
    return result


class _Details(grpc.ClientCallDetails):
    def __init__(self, of: Any, metadata: list[tuple[str, Any]]) -> None:
        self.method = of.method
        self.timeout = of.timeout
        self.metadata = metadata
        self.credentials = of.credentials
        self.wait_for_ready = of.wait_for_ready
        self.compression = getattr(of, "compression", None)


class _Headers(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def __init__(self, token: Token | None) -> None:
        self._token = token

    def _continue(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(_Details(details, headers(self._token, details.metadata)), request)

    intercept_unary_unary = _continue
    intercept_unary_stream = _continue
    intercept_stream_unary = _continue
    intercept_stream_stream = _continue


class _AioHeaders:
    def __init__(self, token: Token | None) -> None:
        self._token = token

    def _details(self, details: Any) -> Any:
        return grpc.aio.ClientCallDetails(
            details.method,
            details.timeout,
            grpc.aio.Metadata(*headers(self._token, list(details.metadata or ()))),
            details.credentials,
            details.wait_for_ready,
        )


class _AioUnaryUnary(_AioHeaders, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._details(client_call_details), request)


class _AioUnaryStream(_AioHeaders, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._details(client_call_details), request)


class _AioStreamStream(_AioHeaders, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(self._details(client_call_details), request_iterator)


_AIO = (_AioUnaryUnary, _AioUnaryStream, _AioStreamStream)
