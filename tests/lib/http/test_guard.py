"""Where a URL may lead, by whom it was given, and how its certificate is checked."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from patchbay.lib.http import ConnectError, Guard, HttpClient, InvalidUrlError, PrivateAddressError
from patchbay.lib.http import guard as guards
from patchbay.lib.http.guard import is_public
from tests.lib.http.conftest import TLS
from tests.lib.http.raw_server import Peer, answering, serve, whole

PUBLIC = ["8.8.8.8", "104.18.7.192", "2606:4700::6812:7c0", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_all_others_are_not(address: str) -> None:
    assert not is_public(address)


def resolver(*answers: Sequence[str]) -> tuple[Guard, list[str]]:
    """Return a guard whose names lead to these addresses in turn, and the names it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        await asyncio.sleep(0)
        return answers[min(len(asked), len(answers)) - 1]

    return Guard(resolve), asked


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_to_a_private_address_is_refused_unless_staff_allow_it(address: str) -> None:
    guard, _ = resolver([address])
    with pytest.raises(PrivateAddressError, match=r"^evil\.test leads"):
        await guard.addresses("evil.test", 443, private_allowed=False)
    assert await guard.addresses("evil.test", 443, private_allowed=True) == [address]


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    guard, _ = resolver(["8.8.8.8", "10.0.0.1"])
    with pytest.raises(PrivateAddressError):
        await guard.addresses("mixed.test", 443, private_allowed=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "[::1]", "[::ffff:7f00:1]"]
)
async def test_every_spelling_of_this_machine_is_refused(client: HttpClient, host: str) -> None:
    with pytest.raises(ConnectError) as caught:
        await client.send(client.origin(f"https://{host}/v1"), "POST", "/")
    assert isinstance(caught.value, PrivateAddressError) or "resolved" in str(caught.value)


async def test_a_name_is_asked_once_by_all_who_need_it_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    guard, asked = resolver(["8.8.8.8"], ["9.9.9.9"])
    many = await asyncio.gather(*[guard.addresses("a.test", 443, private_allowed=False) for _ in range(64)])
    assert many == [["8.8.8.8"]] * 64
    assert asked == ["a.test"]
    monkeypatch.setattr(guards, "CACHE_SECONDS", 0.0)
    await guard.addresses("b.test", 443, private_allowed=False)
    await guard.addresses("b.test", 443, private_allowed=False)
    assert asked == ["a.test", "b.test", "b.test"]


async def test_one_who_gives_up_does_not_end_the_question_for_others() -> None:
    guard, _ = resolver(["8.8.8.8"])
    first = asyncio.create_task(guard.addresses("a.test", 443, private_allowed=False))
    second = asyncio.create_task(guard.addresses("a.test", 443, private_allowed=False))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ["8.8.8.8"]


async def test_a_failed_question_is_not_remembered() -> None:
    async def fail(host: str, port: int) -> Sequence[str]:
        failures.append(host)
        raise OSError("no such name")

    failures: list[str] = []
    guard = Guard(fail)
    for _ in range(2):
        with pytest.raises(ConnectError):
            await guard.addresses("gone.test", 443, private_allowed=True)
    assert len(failures) == 2


async def test_names_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "CACHE_SECONDS", 0.0)
    monkeypatch.setattr(guards, "CACHE_NAMES", 10)
    guard, asked = resolver(["8.8.8.8"])
    for number in range(50):
        await guard.addresses(f"{number}.test", 443, private_allowed=False)
    assert len(asked) == 50
    assert len(guard._lookups) <= 10


async def test_each_new_connection_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "CACHE_SECONDS", 0.0)
    guard, asked = resolver(["192.0.2.1"], ["127.0.0.1"])
    monkeypatch.setattr(guards, "is_public", lambda address: address == "192.0.2.1")
    client = HttpClient(guard=guard, connect_seconds=0.05, tls=TLS)
    origin = client.origin("https://rebinding.test")
    with pytest.raises(ConnectError) as first:
        await client.send(origin, "POST", "/")
    assert not isinstance(first.value, PrivateAddressError)
    with pytest.raises(PrivateAddressError):
        await client.send(origin, "POST", "/")
    assert len(asked) == 2
    await client.close()


async def test_a_connection_that_staff_allowed_serves_no_one_else(client: HttpClient) -> None:
    async with serve(answering(whole(b"inside"))) as server:
        url = server.url.replace("http:", "https:")
        allowed = client.origin(server.url, private_allowed=True)
        await (await client.send(allowed, "GET", "/")).read(100)
        with pytest.raises(PrivateAddressError):
            await client.send(client.origin(url), "GET", "/")
        assert server.accepted == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://api.test/v1",
        "ftp://api.test",
        "//api.test",
        "api.test",
        "https://",
        "https:///v1",
        "https://user:password@api.test",
        "https://@api.test",
        "https://api.test/v1?key=1",
        "https://api.test/v1?",
        "https://api.test/#",
        "https://api.test:99999",
        "https://api.test:x",
        "https://[::1",
        "https://[nothing]",
        "https://a..test",
        "https://api.test/a b",
        "https://api.test/\r\nhost: b",
        "https://api.test/é",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrlError):
        HttpClient(tls=TLS).origin(url)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://API.test/v1/", b"GET /v1/x HTTP/1.1\r\nhost: api.test\r\n"),
        ("https://api.test:443", b"GET /x HTTP/1.1\r\nhost: api.test\r\n"),
        ("https://api.test:8443/a%20b", b"GET /a%20b/x HTTP/1.1\r\nhost: api.test:8443\r\n"),
        ("https://[2606:4700::1]/v1", b"GET /v1/x HTTP/1.1\r\nhost: [2606:4700::1]\r\n"),
        ("https://bücher.test", b"GET /x HTTP/1.1\r\nhost: xn--bcher-kva.test\r\n"),
    ],
)
def test_a_base_url_is_kept_as_it_is_sent(url: str, line: bytes) -> None:
    assert HttpClient(tls=TLS).origin(url).head("GET", "/x", (), b"").startswith(line)


class Authority:
    """A certificate authority of this test's own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("Test authority", self.key, self.key, authority=True)

    def _sign(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        by: ec.EllipticCurvePrivateKey,
        *,
        authority: bool = False,
        days: int = 1,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=9))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            names: list[x509.GeneralName] = [x509.DNSName(name)]
            if name == "127.0.0.1":
                names = [x509.IPAddress(ipaddress.ip_address(name))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(by, hashes.SHA256())

    def serving(self, name: str, folder: Path, *, days: int = 1) -> ssl.SSLContext:
        """Return a server's context with a certificate for this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = folder / f"{name}.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + self._sign(name, key, self.key, days=days).public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def test_tls_speaks_to_the_checked_address_under_the_name(authority: Authority, tmp_path: Path) -> None:
    guard, asked = resolver(["127.0.0.1"])
    client = HttpClient(guard=guard, tls=authority.trusting())
    names: list[str | None] = []
    context = authority.serving("api.test", tmp_path)
    context.sni_callback = lambda socket, name, context: names.append(name)
    async with serve(answering(whole(b"secret" * 50_000)), context) as server:
        origin = client.origin(f"https://api.test:{server.port}", private_allowed=True)
        for _ in range(2):
            answer = await client.send(origin, "POST", "/", (), b"x" * 300_000)
            assert await answer.read(1 << 20) == b"secret" * 50_000
        assert server.accepted == 1
        await client.close()
        await server.until_open(0)
    assert (asked, names) == (["api.test"], ["api.test"])


@pytest.mark.parametrize(
    ("name", "days", "trusted"),
    [("other.test", 1, True), ("api.test", -1, True), ("api.test", 1, False)],
    ids=["another name", "expired", "unknown authority"],
)
async def test_a_certificate_that_does_not_hold_is_refused(
    authority: Authority, tmp_path: Path, name: str, days: int, trusted: bool
) -> None:
    guard, _ = resolver(["127.0.0.1"])
    client = HttpClient(guard=guard, tls=authority.trusting() if trusted else TLS)
    async with serve(answering(whole(b"never")), authority.serving(name, tmp_path, days=days)) as server:
        with pytest.raises(ConnectError, match="certificate is refused"):
            await client.send(client.origin(f"https://api.test:{server.port}", private_allowed=True), "POST", "/")
        assert client.open_connections == 0
    await client.close()


async def test_a_server_without_tls_is_refused(authority: Authority) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(100)
        await peer.send(b"HTTP/1.1 400 Speak plainly\r\n\r\n")

    client = HttpClient(tls=authority.trusting())
    async with serve(script) as server:
        with pytest.raises(ConnectError):
            await client.send(client.origin(f"https://127.0.0.1:{server.port}", private_allowed=True), "POST", "/")
    await client.close()
