"""The voice key: the secret from which pseudonyms and voices are drawn. Who has it can compute both again."""

import dataclasses
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import numpy as np

from deemo_jax.core.errors import UserError

# Environment variable that may hold the key.
ENVIRONMENT = "DEEMO_VOICE_KEY"
DEFAULT_FILE = Path("~/.config/deemo_jax/voice.key")
# 128 bits cannot be guessed.
LEAST_BYTES = 16


@dataclasses.dataclass(frozen=True, slots=True)
class VoiceKey:
    """A secret; printing it shows its id only.

    Attributes:
        secret: at least 16 bytes.
    """

    secret: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < LEAST_BYTES:
            raise UserError(f"the voice key is {len(self.secret)} bytes long; use at least {LEAST_BYTES}")

    @property
    def key_id(self) -> str:
        """8 hex digits of a one-way hash of the key, which name it in manifests."""
        return self._digest("key id", "").hex()[:8]

    def alpha(self, clip_id: str, low: float, high: float) -> float:
        """The McAdams coefficient of a clip; to those without the key it is uniform in [low, high)."""
        return low + (high - low) * self._fraction("alpha", clip_id)

    def speaker_alpha(self, speaker: str, low: float, high: float) -> float:
        """The McAdams coefficient of all clips of a speaker, in [low, high); independent of those of clips."""
        return low + (high - low) * self._fraction("speaker alpha", speaker)

    def generator(self, purpose: str, name: str) -> np.random.Generator:
        """Random numbers that depend on the key, `purpose` and `name` alone."""
        return np.random.default_rng(int.from_bytes(self._digest(f"draws {purpose}", name), "big"))

    def pseudonym(self, source_sha256: str) -> str:
        """The clip id of a source: a "c" and 16 hex digits, which cannot be computed without the key.

        It hides the source's name, not which file it is: the manifest holds the source's hash, so whoever has that file
        finds its clip.
        """
        return "c" + self._digest("clip id", source_sha256).hex()[:16]

    def _fraction(self, purpose: str, text: str) -> float:
        return int.from_bytes(self._digest(purpose, text)[:7], "big") / (1 << 56)

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.new(self.secret, f"deemo_jax {purpose}\0{text}".encode(), hashlib.sha256).digest()


def load_key(path: str | os.PathLike[str] | None, out_dir: str | os.PathLike[str] | None = None) -> VoiceKey:
    """The key in `path`, else in the environment, else in the default file; a file that is absent is made.

    The environment variable holds what a key file holds, hex digits, or any text. A text must not be guessable: with a
    source at hand, guesses can be tested on its manifest.

    Args:
        path: of the key's file.
        out_dir: folder of the results, in which the key must not lie; None for none.

    Raises:
        UserError: the file lies in the folder of the results, others may read it, or it holds no key.
    """
    if path is None and (text := os.environ.get(ENVIRONMENT)):
        return VoiceKey(_secret(text.strip()))
    file = key_file(path)
    if out_dir is not None:
        refuse_inside(file, out_dir)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _create(file)
        if os.name == "posix" and file.stat().st_mode & 0o077:
            raise UserError(f"{file}: others may read this key; run: chmod 600 {file}")
        return VoiceKey(bytes.fromhex(file.read_text(encoding="ascii").strip()))
    except OSError as error:
        raise UserError(f"{file}: cannot be used as key file ({error.strerror}); check its permissions") from error
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{file}: holds no voice key (hex digits); name another, or remove it for a new one") from error


def key_file(path: str | os.PathLike[str] | None) -> Path:
    """The path of the key's file: `path`, or the default one, with `~` expanded.

    Raises:
        UserError: there is no such home folder.
    """
    try:
        return Path(path or DEFAULT_FILE).expanduser()
    except RuntimeError as error:
        raise UserError(f"{path or DEFAULT_FILE}: there is no such home folder; name another --key_file") from error


def refuse_inside(file: Path, out_dir: str | os.PathLike[str]) -> None:
    """Refuses a file of secrets in the folder of the results.

    Raises:
        UserError: it would lie there.
    """
    if file.resolve().is_relative_to(Path(out_dir).resolve()):
        raise UserError(
            f"{file}: the voice key and its list must not lie in the output folder; name another with --key_file"
        )


def _secret(text: str) -> bytes:
    """The bytes of a key given as text: hex digits, as in key files, or any other text."""
    try:
        decoded = bytes.fromhex(text)
    except ValueError:
        return text.encode()
    return decoded if len(decoded) >= LEAST_BYTES else text.encode()


def _create(file: Path) -> None:
    """Writes a new key where there is none; two processes that do so at once get the same key."""
    if file.exists():
        return
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as handle:
            handle.write(secrets.token_hex(32) + "\n")
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
