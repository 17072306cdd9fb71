"""Tables of weights: rules that say which public tensor fills which of our parameters.

From a table and the model's parameters follow the tensors that a public file must hold, with their shapes (`expected`);
comparing these with a file gives every tensor that is missing, unknown, or of another shape (`match`).
"""

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from deemo_jax.conversion.tables.transforms import SAME, Shape, Transform
from deemo_jax.core.errors import UserError

# In a public key: stands for the number of a layer. In our path: for the member of a group of layers.
LAYER = "{layer}"
MEMBER = "{member}"


@dataclasses.dataclass(frozen=True)
class Place:
    """Which of our layers a public layer is: the row of a stacked parameter, and the member of a group of layers."""

    row: int
    member: str = ""


@dataclasses.dataclass(frozen=True)
class Rule:
    """One line of a table.

    Attributes:
        public: a public key; '{layer}' stands for a number.
        ours: path of the parameter that it fills, or of several; '{member}' stands for the member that `place` gives.
        transform: from the public tensor to ours.
        place: number of a public layer -> place of ours; rows ascend with the numbers.
    """

    public: str
    ours: str | tuple[str, ...]
    transform: Transform = SAME
    place: Callable[[int], Place] = Place

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.ours,) if isinstance(self.ours, str) else self.ours


@dataclasses.dataclass(frozen=True)
class Ignored:
    """Public tensors that are not used.

    Attributes:
        pattern: regular expression for whole keys.
        why: the reason, for reports.
    """

    pattern: str
    why: str


@dataclasses.dataclass(frozen=True)
class WeightTable:
    """The rules of one public file.

    Attributes:
        name: of the source.
        rules: for tensors that are used.
        ignored: tensors that are not.
        copies: (key, other key) of tensors that must have the same values where a file holds both.
    """

    name: str
    rules: tuple[Rule, ...]
    ignored: tuple[Ignored, ...] = ()
    copies: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: "WeightTable") -> "WeightTable":
        """Both tables' rules, for a file that holds two parts."""
        ignored, copies = self.ignored + other.ignored, self.copies + other.copies
        return WeightTable(self.name, self.rules + other.rules, ignored, copies)

    def mounted(self, mount: str) -> "WeightTable":
        """The same rules for a parameter tree that lies under `mount`."""
        rules = tuple(
            dataclasses.replace(rule, ours=tuple(f"{mount}/{path}" for path in rule.paths)) for rule in self.rules
        )
        return dataclasses.replace(self, rules=rules)


@dataclasses.dataclass(frozen=True)
class Fill:
    """A public tensor and the parameters that it fills.

    Attributes:
        key: the public key.
        shape: that the public tensor must have.
        targets: (path, row of a stacked parameter or None) of each parameter that it fills.
        shapes: of these parameters, or of these rows.
        transform: from the public tensor to ours.
    """

    key: str
    shape: Shape
    targets: tuple[tuple[str, int | None], ...]
    shapes: tuple[Shape, ...]
    transform: Transform

    def values(self, public: np.ndarray) -> list[np.ndarray]:
        """The values of each of `targets`.

        Raises:
            UserError: the transform does not accept the public values.
        """
        try:
            return self.transform.forward(public, self.shapes)
        except UserError as error:
            raise UserError(f"{self.key}: {error}") from error


def expected(table: WeightTable, params: Mapping[str, Any]) -> dict[str, Fill]:
    """The public tensors that a table asks for, by their keys.

    Args:
        table: the rules.
        params: path -> a parameter, or anything else with a `shape`.

    Raises:
        ValueError: the table is wrong: a rule fits no parameter, or two rules have one public key.
    """
    found: dict[str, Fill] = {}
    for rule in table.rules:
        fills = list(_fills(rule, params))
        if not fills:
            raise ValueError(f"{table.name}: {rule.public} -> {rule.ours} fits no parameter")
        for fill in fills:
            if fill.key in found:
                raise ValueError(f"{table.name}: two rules for {fill.key}")
            found[fill.key] = fill
    return found


def _fills(rule: Rule, params: Mapping[str, Any]) -> Iterator[Fill]:
    def fill(key: str, paths: Sequence[str], row: int | None) -> Fill:
        shapes = tuple(tuple(params[path].shape[0 if row is None else 1 :]) for path in paths)
        targets = tuple((path, row) for path in paths)
        return Fill(key, rule.transform.public_shape(shapes), targets, shapes, rule.transform)

    if LAYER not in rule.public:
        if all(path in params for path in rule.paths):
            yield fill(rule.public, rule.paths, None)
        return
    stacked = re.escape(rule.paths[0]).replace(re.escape(MEMBER), "[^/]+")
    rows = max((params[path].shape[0] for path in params if re.fullmatch(stacked, path)), default=0)
    for layer in itertools.count():
        place = rule.place(layer)
        if place.row >= rows:
            return
        paths = [path.replace(MEMBER, place.member) for path in rule.paths]
        if all(path in params and place.row < params[path].shape[0] for path in paths):
            yield fill(rule.public.replace(LAYER, str(layer)), paths, place.row)


@dataclasses.dataclass(frozen=True)
class Match:
    """The result of comparing a table with a public file.

    Attributes:
        fills: the tensors that are used, in the file's order.
        ignored: reason -> number of tensors that are not used.
        problems: every disagreement, a sentence each.
        reach: (path, row or None) of all parameters that the table fills, whether the file holds them or not.
    """

    fills: tuple[Fill, ...]
    ignored: Mapping[str, int]
    problems: tuple[str, ...]
    reach: tuple[tuple[str, int | None], ...]


def pattern(allow_extra: str | None) -> re.Pattern[str] | None:
    """The regular expression of `--allow_extra`; None where it is not given.

    Raises:
        UserError: it is no regular expression.
    """
    try:
        return re.compile(allow_extra) if allow_extra else None
    except re.error as error:
        raise UserError(f"--allow_extra {allow_extra!r}: no regular expression ({error})") from error


def match(
    table: WeightTable, params: Mapping[str, Any], file: Mapping[str, Shape], allowed: re.Pattern[str] | None = None
) -> Match:
    """Compares a table with the keys and shapes of a file.

    Args:
        table: the rules.
        params: our parameters.
        file: public key -> shape.
        allowed: whole keys that it matches are ignored too.
    """
    wanted = expected(table, params)
    patterns = [(re.compile(reason.pattern), reason.why) for reason in table.ignored]
    patterns += [(allowed, "allowed by --allow_extra")] if allowed else []
    problems = [f"{key} is missing" for key in wanted if key not in file]
    ignored: dict[str, int] = {}
    for key, shape in file.items():
        if key in wanted:
            if tuple(shape) != wanted[key].shape:
                problems.append(f"{key} has shape {tuple(shape)} instead of {wanted[key].shape}")
            continue
        why = next((why for known, why in patterns if known.fullmatch(key)), None)
        if why is None:
            problems.append(f"{key} {tuple(shape)} is not known")
        else:
            ignored[why] = ignored.get(why, 0) + 1
    reach = tuple(target for fill in wanted.values() for target in fill.targets)
    return Match(tuple(wanted[key] for key in file if key in wanted), ignored, tuple(problems), reach)


def to_public(table: WeightTable, params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our parameters under the public names and in the public shapes: the inverse of filling them from a file."""
    public = {}
    for key, fill in expected(table, params).items():
        values = [np.asarray(params[path] if row is None else params[path][row]) for path, row in fill.targets]
        public[key] = np.asarray(fill.transform.backward(values), order="C")
    return public


def covered(fills: Mapping[str, Fill]) -> set[str]:
    """The parameters that fills reach."""
    return {path for fill in fills.values() for path, _ in fill.targets}
