from __future__ import annotations

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.evaluation.judge_address import is_on_this_machine, judge_key, require_address


@pytest.mark.parametrize(
    "url",
    ["gpt-4", "ftp://a/b", "http://", "http://[::1/v1", "http://host:port/v1", "http://a:99999/v1",
     "http://a\nb/v1"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigError, match="is no address of a judge"):
        require_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hidden@judge.example/v1",
        "https://hidden@judge.example/v1",
        "https://judge.example/v1?key=hidden",
        "https://judge.example/v1#hidden",
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigError, match="holds a name, a password or a query") as caught:
        require_address(url)
    assert "hidden" not in f"{caught.value.message} {caught.value.hint}"
    assert "LINVT_JUDGE_KEY" in str(caught.value.hint)


def test_addresses_of_this_machine_are_known():
    assert is_on_this_machine("http://[::1]:8000/v1")
    assert not is_on_this_machine("https://api.openai.com/v1")


def test_the_key_comes_from_the_environment(monkeypatch):
    assert judge_key() is None
    monkeypatch.setenv("LINVT_JUDGE_KEY", "secret")
    assert judge_key() == "secret"
    monkeypatch.setenv("LINVT_JUDGE_KEY", " secret\n")
    assert judge_key() == "secret"
    for key in ("sécret", "se\ncret"):
        monkeypatch.setenv("LINVT_JUDGE_KEY", key)
        with pytest.raises(ConfigError, match="a sign that no key has") as caught:
            judge_key()
        assert "cret" not in caught.value.message
