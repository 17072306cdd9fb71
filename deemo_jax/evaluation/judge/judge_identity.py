"""Who judged, and how: what two scores must share to be compared."""

import dataclasses
from typing import Any

from deemo_jax.core.errors import UserError


@dataclasses.dataclass(frozen=True, slots=True)
class JudgeIdentity:
    """A judge. Scores of two judges that differ in anything here are not to be compared.

    Attributes:
        provider: who runs the model.
        model: that was asked for.
        reported: names by which the server answered, in order.
        protocol: name, version and hash of the prompts.
        temperature, top_p: that were asked for; None for the server's own.
        seed: likewise.
        max_tokens: of a reply; None for the server's own bound.
        repeats: judgements of each row.
    """

    provider: str
    model: str
    reported: tuple[str, ...]
    protocol: str
    temperature: float | None
    top_p: float | None
    seed: int | None
    max_tokens: int | None
    repeats: int

    def told(self) -> str:
        """In a line, for a reader of a table."""
        served = ", ".join(name for name in self.reported if name != self.model)
        name = f"{self.model} (served as {served})" if served else self.model
        heat = "the server's temperature" if self.temperature is None else f"temperature {self.temperature:g}"
        times = f", {self.repeats} judgements a row" if self.repeats > 1 else ""
        return f"{name} at {self.provider}, protocol {self.protocol}, {heat}{times}"

    def to_json(self) -> dict[str, Any]:
        """The judge as judge.json has it."""
        return {**dataclasses.asdict(self), "reported": list(self.reported)}

    @classmethod
    def from_json(cls, row: Any, where: str) -> "JudgeIdentity":
        """Reads it back.

        Raises:
            UserError: it is damaged.
        """
        try:
            return cls(**{**row, "reported": tuple(map(str, row["reported"]))})
        except (TypeError, KeyError) as error:
            raise UserError(f"{where}: is damaged; judge again, which costs nothing where replies are kept") from error
