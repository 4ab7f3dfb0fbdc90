"""Probes over HTTP: `/livez` while the process can answer, `/readyz` only while the worker is connected."""

from __future__ import annotations

import dataclasses
import http.server
import json
import threading
from typing import Any

from .worker import Worker


class HealthServer:
    """Answers probes in a thread of its own. `port` 0 takes a free one, which `port` then names."""

    def __init__(self, worker: Worker, port: int, host: str = "127.0.0.1") -> None:
        self._server = http.server.ThreadingHTTPServer((host, port), _handler_for(worker))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="tasker-health")
        self._thread.start()

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "HealthServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _handler_for(worker: Worker) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            status = worker.status()
            codes = {"/livez": 200, "/readyz": 200 if status.connected and not status.draining else 503}
            body = json.dumps(dataclasses.asdict(status)).encode()
            self.send_response(codes.get(self.path, 404))
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    return Handler
