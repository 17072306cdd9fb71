"""The local server with files and batches beside Chat Completions."""

import email.parser
import email.policy
import json
from typing import Any

from tests.llm.server import Answer, Asked, Script, Server, Status, envelope, error_body

# Lines of an output that no server should write.
NOISE = (b"[" * 100_000, b"\xff", b"7", b'{"custom_id": ["x"]}', b'{"custom_id": "unknown", "response": 3}')


class BatchServer(Server):
    """A server whose batches are over after some looks at them.

    Args:
        script: what to do with each request, alone or in a batch; what is no `Answer` in a batch is an error of it.

    Attributes:
        files: name -> content; removed ones are gone.
        batches: as the interface shows them.
        looks: looks at a batch until it is over.
        ends: in which status.
        answers_until: requests of a batch that are answered; the others are not.
        lose_reply: whether the connection is to fail after a batch was begun, once.
    """

    def __init__(self, script: Script = lambda asked: Answer()) -> None:
        super().__init__(script)
        self.files: dict[str, bytes] = {}
        self.batches: list[dict[str, Any]] = []
        self.looks = 2
        self.ends = "completed"
        self.answers_until = 10**9
        self.lose_reply = False
        self._looks: dict[str, int] = {}

    def other(self, method: str, path: str, headers: dict[str, str], data: bytes) -> tuple[int, bytes]:
        kind, _, rest = path.removeprefix("/v1/").partition("?")[0].partition("/")
        if (method, kind, rest) == ("POST", "files", ""):
            name = f"file-{len(self.files) + 1}"
            self.files[name] = _uploaded(headers["content-type"], data)
            return 200, json.dumps({"id": name, "object": "file"}).encode()
        if (method, kind, rest) == ("POST", "batches", ""):
            asked = json.loads(data)
            batch = asked | {"id": f"batch_{len(self.batches) + 1}", "object": "batch", "status": "in_progress"}
            self.batches.append(batch)
            if self.lose_reply:
                self.lose_reply = False
                return 503, b"lost"
            return 200, json.dumps(batch).encode()
        if (method, kind, rest) == ("GET", "batches", ""):
            return 200, json.dumps({"object": "list", "data": self.batches[::-1], "has_more": False}).encode()
        if (method, kind) == ("GET", "batches"):
            return 200, json.dumps(self._looked_at(rest)).encode()
        name = rest.removesuffix("/content")
        if kind == "files" and name in self.files:
            if method == "DELETE":
                del self.files[name]
                return 200, json.dumps({"id": name, "deleted": True}).encode()
            return 200, self.files[name]
        return 404, error_body(Status(404, f"no {path} here"))

    def _looked_at(self, id: str) -> dict[str, Any]:
        batch = next(batch for batch in self.batches if batch["id"] == id)
        self._looks[id] = self._looks.get(id, 0) + 1
        if self._looks[id] == self.looks:
            self._answer(batch)
        return batch

    def _answer(self, batch: dict[str, Any]) -> None:
        rows: dict[str, list[str]] = {"output_file_id": [], "error_file_id": []}
        lines = self.files[batch["input_file_id"]].splitlines()
        for line in reversed(lines[: self.answers_until]):  # in another order than they were sent
            row = json.loads(line)
            asked: Asked = self.take(row["body"], {})
            act = self.script(asked)
            self.done(asked, isinstance(act, Answer))
            done: dict[str, Any] = {"custom_id": row["custom_id"], "error": None}
            if isinstance(act, Answer):
                done["response"] = {"status_code": 200, "body": json.loads(envelope(act, asked))}
                rows["output_file_id"].append(json.dumps(done))
            else:
                assert isinstance(act, Status)
                done["response"] = {"status_code": act.code, "body": json.loads(error_body(act))}
                rows["error_file_id"].append(json.dumps(done))
        for name, texts in rows.items():
            if texts:
                batch[name] = f"file-{name}-{batch['id']}"
                self.files[batch[name]] = b"\n".join([*NOISE, *map(str.encode, texts), *NOISE])
        batch["status"] = self.ends
        batch["request_counts"] = {"total": len(lines), "completed": len(lines), "failed": 0}


def _uploaded(content_type: str, data: bytes) -> bytes:
    """The file in a form that was sent."""
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        f"Content-Type: {content_type}\r\n\r\n".encode() + data
    )
    parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
    assert parts["purpose"].get_payload(decode=True) == b"batch"
    return parts["file"].get_payload(decode=True)
