"""Secrets at rest: readable by this instance alone, through rotations, and by processes that started before them."""

import stat
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from patchbay.config.environment import SettingError, encryption_keys
from patchbay.lib.crypto import Keyring, UnreadableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "encryption-keys"


def test_what_is_encrypted_is_read_again_and_does_not_show(path: Path) -> None:
    ring = Keyring((), path)
    stored = ring.encrypt(b"sk-very-secret")
    assert b"very" not in stored
    assert ring.encrypt(b"sk-very-secret") != stored, "equal secrets must not look equal"
    assert Keyring((), path).decrypt(stored) == b"sk-very-secret"


def test_the_key_is_for_its_owner_alone(path: Path) -> None:
    Keyring((), path).encrypt(b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_threads_that_start_together_agree_on_one_key(path: Path) -> None:
    stored: list[bytes] = []
    threads = [threading.Thread(target=lambda: stored.append(Keyring((), path).encrypt(b"x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ring = Keyring((), path)
    assert [ring.decrypt(one) for one in stored] == [b"x"] * 8


def test_a_process_that_runs_takes_up_a_new_key_and_reads_what_the_old_one_wrote(path: Path) -> None:
    running = Keyring((), path)
    before = running.encrypt(b"before")
    Keyring((), path).add()
    after = Keyring((), path).encrypt(b"after")
    assert (running.decrypt(before), running.decrypt(after)) == (b"before", b"after")
    newest = Keyring((path.read_text().split()[0],), path)
    assert newest.decrypt(running.encrypt(b"x")) == b"x", "the running process encrypts with the new key"
    assert newest.decrypt(running.renew(before)) == b"before"


def test_a_key_is_gone_after_the_second_whole_rotation(path: Path) -> None:
    ring = Keyring((), path)
    stored = ring.encrypt(b"x")
    ring.forget_before(ring.add())
    assert ring.decrypt(stored) == b"x"
    ring.forget_before(ring.add())
    with pytest.raises(UnreadableError):
        ring.decrypt(stored)
    with pytest.raises(UnreadableError):
        ring.renew(stored)


def test_a_rotation_that_broke_off_forgets_no_key_and_two_at_once_forget_none_in_use(path: Path) -> None:
    ring = Keyring((), path)
    stored = [ring.encrypt(b"x")]
    ring.add()  # and then it was killed
    stored.append(ring.encrypt(b"x"))
    first, second = ring.add(), Keyring((), path).add()
    stored.append(ring.encrypt(b"x"))
    assert [ring.decrypt(each) for each in stored] == [b"x"] * 3
    ring.forget_before(first)
    assert ring.decrypt(stored[2]) == b"x"
    assert path.read_text().split()[:2] == [second, first]
    ring.forget_before(second)
    assert path.read_text().split() == [second, first]


def test_processes_that_rotate_at_once_lose_no_key(path: Path) -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(Keyring((), path).add())) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(made) < set(path.read_text().split())


def test_keys_of_the_environment_are_used_in_their_order(path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    stored = Keyring((old,), path).encrypt(b"x")
    ring = Keyring((new, old), path)
    assert ring.decrypt(stored) == b"x"
    assert Keyring((new,), path).decrypt(ring.encrypt(b"y")) == b"y"
    assert not path.exists(), "no key is made beside given ones"
    with pytest.raises(ValueError, match="PATCHBAY_ENCRYPTION_KEYS"):
        ring.add()


def test_what_was_changed_is_not_read(path: Path) -> None:
    ring = Keyring((), path)
    stored = bytearray(ring.encrypt(b"x"))
    stored[-3] ^= 1
    with pytest.raises(UnreadableError):
        ring.decrypt(bytes(stored))


def test_a_setting_that_is_no_key_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    good = Fernet.generate_key().decode()
    monkeypatch.setenv("KEYS", f" {good} ,")
    assert encryption_keys("KEYS") == (good,)
    for bad in ("hunter2", good[:-4], f"{good},hunter2"):
        monkeypatch.setenv("KEYS", bad)
        with pytest.raises(SettingError, match="KEYS: a key must be 32 random bytes") as caught:
            encryption_keys("KEYS")
        assert "hunter2" not in str(caught.value)
