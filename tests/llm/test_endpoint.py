"""Addresses that hold secrets are refused without repeating them, and a key is never shown."""

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.llm.endpoint import Endpoint, read_key

SECRET = "sk-test-3f9a01bc"


@pytest.mark.parametrize(
    ("base_url", "says"),
    [
        (f"https://me:{SECRET}@judge.example/v1", "judge.example holds a name, password or query"),
        (f"https://judge.example/v1?api-key={SECRET}", "judge.example holds a name, password or query"),
        (f"https://judge.example/v1#{SECRET}", "judge.example holds a name, password or query"),
        ("judge.example/v1", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("http://[::1/v1", "no web address"),
        ("http://judge.example:port/v1", "no web address"),
        ("", "no web address"),
    ],
)
def test_addresses_that_are_none_or_hold_secrets_are_refused(base_url, says):
    with pytest.raises(UserError, match=says) as caught:
        Endpoint(base_url, "judge-1")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("model", ["", "two words", "a" * 300])
def test_a_model_has_a_name(model):
    with pytest.raises(UserError, match="no name of a model"):
        Endpoint(model=model)


def test_a_key_in_place_of_the_name_of_its_variable_is_not_repeated():
    with pytest.raises(UserError, match="give the name, not the key") as caught:
        Endpoint(model="judge-1", api_key_env=SECRET)
    assert SECRET not in str(caught.value)


def test_a_key_is_read_from_the_environment_and_never_shown(monkeypatch):
    endpoint = Endpoint(model="judge-1", api_key_env="JUDGE_KEY")
    with pytest.raises(UserError, match="JUDGE_KEY is not set"):
        read_key(endpoint)
    monkeypatch.setenv("JUDGE_KEY", f" {SECRET}\n")
    key = read_key(endpoint)
    assert key.secret == SECRET
    assert SECRET not in repr(key) + str(key) + repr(endpoint)
    assert key.hide(f"Wrong key {SECRET}!") == "Wrong key [key]!"
    monkeypatch.setenv("JUDGE_KEY", f"{SECRET} {SECRET}")
    with pytest.raises(UserError, match="no key has") as caught:
        read_key(endpoint)
    assert SECRET not in str(caught.value)


def test_a_word_for_a_server_that_wants_no_key_is_no_secret(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    assert read_key(Endpoint(model="judge-1")).hide("none of them") == "none of them"
    assert read_key(Endpoint(model="judge-1", api_key_env="")).secret == "none"
