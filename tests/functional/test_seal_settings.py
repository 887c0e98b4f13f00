"""From YICE_ settings to a volume: real keys carry no 演示.

What is wrong is refused with a code, and a stamp that is owed is paid later.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.runtime.bootstrap import start
from api.runtime.seals import open_seals
from api.runtime.settings import Settings
from api.runtime.workshop import open_compile_context
from archive.database.tables_jobs import Job
from archive.reference.vocabulary import SignatureLevel
from archive.signing.demo_pki import DemoPki
from archive.signing.seal import SealError
from archive.signing.validation import read_signature
from tests.support.command_line import run_command
from tests.support.factories import make_bag
from tests.support.pki import PASSPHRASE, Authority, open_desk, stamper, write_pkcs12
from tests.support.sealing import seal
from tests.support.softhsm import MODULE, PIN, configure_softhsm, make_hsm
from tests.support.tsa import Fault, serve_tsa

FONDS = "J602"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def house(tmp_path: Path, authority: Authority) -> dict[str, Any]:
    """Settings with a real PKCS#12 key, its root and its revocation list."""
    (tmp_path / "keys").mkdir()
    write_pkcs12(tmp_path / "keys" / f"{FONDS}.p12", authority.issue("seal"), authority.root)
    authority.pem(tmp_path / "trust")
    (tmp_path / "root.crl").write_bytes(authority.crl())
    return {
        "data": tmp_path / "var",
        "seal_folder": tmp_path / "keys",
        "seal_passphrase": PASSPHRASE.decode(),
        "trust_folder": tmp_path / "trust",
        "crls": str(tmp_path / "root.crl"),
    }


def no_demo() -> DemoPki:
    raise AssertionError("the demonstration PKI is not for real keys")


def test_without_a_key_the_seals_are_the_demonstration_ones(tmp_path: Path) -> None:
    shop = open_compile_context(start(Settings(data=tmp_path / "var")))
    assert shop.demo
    sealed = seal(shop.sealer_for(FONDS))
    assert (sealed.level, sealed.pending) == (SignatureLevel.B_LTA, False)
    assert read_signature(sealed.pdf, shop.trust).signer_cn.startswith("演示·")


def test_a_pkcs12_folder_with_a_tsa_address_seals_to_b_lta_and_is_no_demo(
    house: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    with serve_tsa(stamper(authority, tmp_path), login="a:b") as tsa:
        house |= {"tsa_url": tsa.url, "tsa_user": "a", "tsa_password": "b"}
        seals = open_seals(Settings(**house), no_demo)
        sealed = seal(seals.sealer_for(FONDS))
    report = read_signature(sealed.pdf, seals.trust)
    assert (seals.demo, report.valid, report.level, report.signer_cn) == (
        False,
        True,
        SignatureLevel.B_LTA,
        "seal",
    )


def test_real_keys_without_a_tsa_address_are_not_stamped_by_the_demonstration(
    house: dict[str, Any],
) -> None:
    sealed = seal(open_seals(Settings(**house), no_demo).sealer_for(FONDS))
    assert (sealed.level, sealed.pending) == (SignatureLevel.B_B, True)


def test_a_token_seals_under_the_label_that_is_set_for_the_fonds(
    house: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "hsm").mkdir()
    configure_softhsm(tmp_path / "hsm")
    make_hsm("archive").put("label of the office", authority.issue("on token"))
    del house["seal_folder"], house["seal_passphrase"]
    token = {
        "pkcs11_module": str(MODULE),
        "pkcs11_token": "archive",
        "pkcs11_pin": PIN,
        "pkcs11_keys": {FONDS: "label of the office"},
    }
    seals = open_seals(Settings(**house, **token, signature_level=SignatureLevel.B_B), no_demo)
    assert read_signature(seal(seals.sealer_for(FONDS)).pdf, seals.trust).signer_cn == "on token"
    with pytest.raises(SealError) as refused:
        seals.sealer_for("J699")
    assert refused.value.code == "SEAL_KEY_MISSING"


def test_crl_and_ocsp_addresses_are_asked_when_that_is_set(tmp_path: Path) -> None:
    with open_desk("ocsp") as desk:
        issued = desk.issue("seal")
        write_pkcs12(tmp_path / f"{FONDS}.p12", issued, desk.authority.root)
        settings = Settings(
            seal_folder=tmp_path,
            seal_passphrase=PASSPHRASE.decode(),
            trust_folder=desk.authority.pem(tmp_path / "trust").parent,
            revocation_fetch=True,
            signature_level=SignatureLevel.B_B,
        )
        assert read_signature(
            seal(open_seals(settings, no_demo).sealer_for(FONDS)).pdf,
            open_seals(settings, no_demo).trust,
        ).valid
        desk.authority.revoke(issued)
        with pytest.raises(SealError) as refused:
            seal(open_seals(settings, no_demo).sealer_for(FONDS))
    assert refused.value.code == "SEAL_REVOKED"


@pytest.mark.parametrize(
    "change",
    [
        {"trust_folder": None},
        {"pkcs11_module": "/x.so"},
        {"seal_folder": None, "pkcs11_module": "/x.so"},
        {"tsa_url": "file:///etc/passwd"},
        {"trust_folder": Path("/nowhere")},
    ],
    ids=[
        "keys without roots",
        "two kinds of key",
        "module without token",
        "address that is none",
        "no root in the folder",
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    house: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(SealError) as refused:
        open_seals(Settings(**{**house, **change}), no_demo)
    assert refused.value.code == "SEAL_CONFIG"
    assert "YICE_" in refused.value.action


def test_secrets_come_from_files_and_are_never_shown(
    house: dict[str, Any], authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del authority, house["seal_passphrase"]
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "yice_seal_passphrase").write_text(PASSPHRASE.decode() + "\n")
    (tmp_path / "secrets" / "yice_pkcs11_pin").write_text("8461937")
    monkeypatch.setenv("YICE_SECRETS", str(tmp_path / "secrets"))
    settings = Settings(**house)
    assert seal(open_seals(settings, no_demo).sealer_for(FONDS)).pdf
    assert settings.pkcs11_pin.get_secret_value() == "8461937"
    assert "8461937" not in repr(settings)


@pytest.mark.parametrize(
    ("fault", "level", "state"),
    [(Fault.SOUND, "B-LTA", "COMMITTED"), (Fault.ERROR_500, "B-B", "COMMITTED")],
)
def test_a_case_becomes_a_volume_under_the_real_key(
    house: dict[str, Any],
    authority: Authority,
    tmp_path: Path,
    fault: Fault,
    level: str,
    state: str,
) -> None:
    make_bag(tmp_path / "bags" / "bag", case_no="150602010000-20260901-000001")
    with serve_tsa(stamper(authority, tmp_path), fault) as tsa:
        (listed,) = compiled(house, tmp_path, YICE_TSA_URL=tsa.url)
    assert (listed["state"], listed["signature_level"]) == (state, level)


def test_a_time_stamp_that_was_owed_comes_as_a_second_version_once_the_authority_is_back(
    house: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    make_bag(tmp_path / "bags" / "bag", case_no="150602010000-20260901-000001")
    with serve_tsa(stamper(authority, tmp_path), Fault.ERROR_500) as tsa:
        env = {"YICE_TSA_URL": tsa.url}
        (listed,) = compiled(house, tmp_path, **env)
        assert (listed["signature_level"], listed["lta_pending"], listed["version"]) == (
            "B-B",
            True,
            1,
        )
        assert (
            json.loads(output_of(house, "timestamp", "--pending", "--json", expect=1, **env))[
                "failed"
            ]
            == 1
        )
        tsa.fault = Fault.SOUND
        assert json.loads(output_of(house, "timestamp", "--pending", "--json", **env)) == {
            "total": 1,
            "done": 1,
            "failed": 0,
        }
        (listed,) = json.loads(output_of(house, "list", "--json", **env))
        assert (listed["signature_level"], listed["lta_pending"], listed["version"]) == (
            "B-LTA",
            False,
            2,
        )
        assert json.loads(output_of(house, "verify", "--all", "--json", **env)) == {
            "volumes": 2,
            "faults": [],
        }


def test_a_case_whose_seal_is_revoked_becomes_no_volume(
    house: dict[str, Any], tmp_path: Path
) -> None:
    own = Authority("Own")
    issued = own.issue("seal")
    own.revoke(issued)
    write_pkcs12(house["seal_folder"] / f"{FONDS}.p12", issued, own.root)
    own.pem(house["trust_folder"])
    Path(house["crls"]).write_bytes(own.crl())
    make_bag(tmp_path / "bags" / "bag", case_no="150602010000-20260901-000001")
    assert "COMMITTED" not in {row["state"] for row in compiled(house, tmp_path, expect=1)}
    assert not list((tmp_path / "var").rglob("inventory.json"))
    with start(Settings(data=tmp_path / "var")).engine.connect() as connection:
        assert connection.execute(select(Job.error_code)).scalars().all() == ["SEAL_REVOKED"]


def output_of(house: dict[str, Any], *words: str, expect: int = 0, **more: str) -> str:
    """Run the command line with the settings of a house; what it printed."""
    named = {f"YICE_{key.upper()}": str(value) for key, value in house.items()}
    done = run_command(*words, **named, **more)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def compiled(
    house: dict[str, Any], folder: Path, expect: int = 0, **more: str
) -> list[dict[str, Any]]:
    """Ingest and compile through the command line; what `yice list` then says."""
    output_of(house, "ingest", str(folder / "bags"), **more)
    output_of(house, "compile", "--all", expect=expect, **more)
    return list(json.loads(output_of(house, "list", "--json", **more)))
