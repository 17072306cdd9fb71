import importlib
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("build", ["deemo_mer"], "give DATASET, --annotations and --data_dir"),
        ("build", ["deemo_mer", "--annotations", "a", "--data_dir", "d"], "give --manifest"),
        ("build", ["another"], "invalid choice"),
        ("deidentify", ["--workers", "many"], "--workers"),
        ("generate", [], "required"),
        ("synthetic.__main__", ["--out"], "--out"),
        ("towers", ["--out", "x", "--seed", "y"], "--seed"),
    ],
)
def test_wrong_flags_are_one_line(
    command: str,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", [command, *arguments])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"deemo_jax.{command}").main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and not out
    assert err.startswith("error: ") and err.endswith("(--help lists the flags)\n") and err.count("\n") == 1
    assert says in err
