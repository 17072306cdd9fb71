"""A local server of OpenAI's Chat Completions that misbehaves as a script says, and remembers all that it got.

with Server(lambda asked: Answer({"clue": 7})) as server:
    ... ask Endpoint(server.base_url, "judge-1") ...
assert "secret" not in server.received()
"""

import collections
import dataclasses
import hashlib
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclasses.dataclass(frozen=True)
class Asked:
    """A request that came in.

    Attributes:
        body: its JSON.
        question: a hash of its messages, which is the same when it is asked again.
        times: how often the same question has come, from 1.
        number: how many requests have come, from 1.
        at: when, monotonic seconds.
        headers: in lower case.
        text: the text of the last message.
    """

    body: dict[str, Any]
    question: str
    times: int
    number: int
    at: float
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return str(self.body["messages"][-1]["content"])


@dataclasses.dataclass(frozen=True)
class Answer:
    """Status 200. `content` is a text, or what becomes JSON.

    Attributes:
        content: of the message.
        refusal: in its place.
        finish: why the model ended.
        usage: tokens of prompt and reply.
        wait_s: seconds before the reply begins.
        drip_s: seconds between its bytes.
        envelope: the whole body in place of a usual one.
        headers: beside the usual ones.
    """

    content: Any = "{}"
    refusal: str | None = None
    finish: str = "stop"
    usage: tuple[int, int] = (100, 10)
    wait_s: float = 0.0
    drip_s: float = 0.0
    envelope: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Status:
    """A status other than 200."""

    code: int
    message: str = "told to"
    error_code: str | None = None
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Drop:
    """The connection is reset, before the reply or in its middle."""

    in_the_middle: bool = True


@dataclasses.dataclass(frozen=True)
class Silence:
    """No reply for so long, and then none."""

    seconds: float


Act = Answer | Status | Drop | Silence
Script = Callable[[Asked], Act]


def rejects(*names: str, then: Script) -> Script:
    """A model that rejects requests with one of these parameters, as OpenAI's do."""

    def script(asked: Asked) -> Act:
        for name in names:
            if name in asked.body:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                return Status(400, message, "unsupported_parameter", name)
        return then(asked)

    return script


def trouble(seed: int, acts: Sequence[Act], share: float, then: Script) -> Script:
    """A script that does one of `acts` for a `share` of requests, the same ones in every run with this seed."""

    def script(asked: Asked) -> Act:
        draw = random.Random(f"{seed} {asked.question} {asked.times}")
        return draw.choice(acts) if draw.random() < share else then(asked)

    return script


class Server:
    """The server, in threads of this process; to be used in a `with` statement.

    Args:
        script: what to do with each request; an empty object for an answer if left out.

    Attributes:
        base_url: its address.
        asked: every request of Chat Completions, in order.
        paid: question -> how often it was answered with 200 and a whole body.
        most_at_once: requests that were under way together.
    """

    def __init__(self, script: Script = lambda asked: Answer()) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.paid: collections.Counter[str] = collections.Counter()
        self.most_at_once = 0
        self._times: collections.Counter[str] = collections.Counter()
        self._under_way = 0
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._http = _Listener(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_of": self}))
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> "Server":
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._http.shutdown()
        self._http.server_close()

    def received(self) -> str:
        """All that came in, headers and bodies, as one text to search in."""
        return "\n".join(json.dumps([asked.headers, asked.body], ensure_ascii=False) for asked in self.asked)

    def take(self, body: dict[str, Any], headers: dict[str, str]) -> Asked:
        """Remembers a request."""
        question = hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()
        with self._lock:
            self._times[question] += 1
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            asked = Asked(body, question, self._times[question], len(self.asked) + 1, time.monotonic(), headers)
            self.asked.append(asked)
        return asked

    def done(self, asked: Asked, paid: bool) -> None:
        """Counts a request as over."""
        with self._lock:
            self._under_way -= 1
            self.paid[asked.question] += paid

    def other(self, method: str, path: str, headers: dict[str, str], data: bytes) -> tuple[int, bytes]:
        """Answers requests that are none of Chat Completions: status and body."""
        return 404, error_body(Status(404, f"no {path} here"))

    def sleep(self, seconds: float) -> None:
        """Waits, but not beyond the end of the server."""
        self._end.wait(seconds)


class _Listener(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: Server
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path != "/v1/chat/completions":
            code, body = self.server_of.other(self.command, self.path, headers, data)
            self._send(code, body)
            return
        asked = self.server_of.take(json.loads(data), headers)
        paid = False
        try:
            paid = self._act(self.server_of.script(asked), asked)
        finally:
            self.server_of.done(asked, paid)

    def do_GET(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.do_POST()

    def _act(self, act: Act, asked: Asked) -> bool:
        """Does as the script says; returns whether a whole answer was sent."""
        if isinstance(act, Silence):
            self.server_of.sleep(act.seconds)
            self._reset()
            return False
        if isinstance(act, Status):
            self._send(act.code, error_body(act), act.headers)
            return False
        if isinstance(act, Drop):
            if act.in_the_middle:
                body = envelope(Answer(), asked)
                self._head(200, len(body), ())
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
            self._reset()
            return False
        self.server_of.sleep(act.wait_s)
        body = envelope(act, asked)
        self._head(200, len(body), act.headers)
        if act.drip_s:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.server_of.sleep(act.drip_s)
        else:
            self.wfile.write(body)
        return True

    def _send(self, code: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self._head(code, len(body), headers)
        self.wfile.write(body)

    def _head(self, code: int, length: int, headers: tuple[tuple[str, str], ...]) -> None:
        self.send_response(code)
        usual = {"Content-Type": "application/json", "Content-Length": str(length)}
        for name, value in (usual | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()

    def _reset(self) -> None:
        """Ends the connection as a machine that fails does: without a word, and with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
        self.close_connection = True


def error_body(status: Status) -> bytes:
    error = {"message": status.message, "type": "error", "code": status.error_code, "param": status.param}
    return json.dumps({"error": error}).encode()


def envelope(answer: Answer, asked: Asked) -> bytes:
    if answer.envelope is not None:
        return answer.envelope
    text = answer.content if isinstance(answer.content, str) else json.dumps(answer.content)
    message = {"role": "assistant", "content": None if answer.refusal else text, "refusal": answer.refusal}
    prompt, reply = answer.usage
    usage = {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}
    return json.dumps(
        {
            "id": f"chatcmpl-{asked.number}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": f"{asked.body['model']}-2026-11-01",
            "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
            "usage": usage,
        }
    ).encode()
