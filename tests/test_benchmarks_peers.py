"""A peer that is not to be had is reported, and the others are measured all the same."""

import sys
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.peers import Peer, PeerUnavailableError, compare, installed, looping

NOWHERE = Peer("Nowhere", ("./no-such-peer-1.0-py3-none-any.whl",), "navix_many", ("turncoat_one",))


def home_of(peer: Peer, cache: Path, requirements: str) -> Path:
    """What an environment looks like that was made before."""
    home = cache / f"{Path(peer.requirements[0]).name}-py{sys.version_info.major}.{sys.version_info.minor}"
    home.mkdir()
    (home / "requirements.txt").write_text(requirements, encoding="utf-8")
    return home


@pytest.mark.nightly
def test_a_peer_that_cannot_be_installed_is_reported_with_pips_reason(tmp_path: Path) -> None:
    home_of(NOWHERE, tmp_path, "what an older benchmark wanted")

    figures, missing = compare([NOWHERE], tmp_path, runs=1, budget=0.01)

    assert figures == []
    assert list(missing) == ["Nowhere"]
    assert "no-such-peer" in missing["Nowhere"]
    assert list(tmp_path.iterdir()) == [], "nothing half-made is left to be taken for an environment"


def test_an_environment_is_made_once(tmp_path: Path) -> None:
    home = home_of(NOWHERE, tmp_path, NOWHERE.requirements[0])

    assert installed(NOWHERE, tmp_path).is_relative_to(home)


def test_a_peer_that_cannot_be_run_is_reported_and_the_others_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "installed", lambda peer, cache: Path(sys.executable))
    monkeypatch.setattr(peers, "OURS", peers.OURS | {"turncoat_many": "Ours"})
    here = Peer("Here, today", (), "turncoat_one", ("turncoat_many",), at_least=1e9)

    figures, missing = compare([NOWHERE, here], tmp_path, runs=3, budget=0.01)

    assert missing == {"Nowhere": "ModuleNotFoundError: No module named 'jax'"}
    rates = {figure.name: figure.values for figure in figures}
    ratio = rates["Ours / Here"]
    assert ratio == tuple(a / b for a, b in zip(rates["Ours"], rates["Here, today"], strict=True))
    assert [figure.met for figure in figures if figure.name == "Ours / Here"] == [False]


def test_a_loop_that_fails_at_once_says_why() -> None:
    with (
        pytest.raises(PeerUnavailableError, match="KeyError: 'no_such_loop'"),
        looping(sys.executable, "no_such_loop", 0.01),
    ):
        pass
