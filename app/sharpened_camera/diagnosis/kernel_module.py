"""Whether the kernel has v4l2loopback, and if not, which step is missing."""

import gzip
import lzma
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from sharpened_camera.diagnosis.computer import Computer
from sharpened_camera.diagnosis.distribution import commands
from sharpened_camera.diagnosis.finding import Finding, Kind, Level
from sharpened_camera.diagnosis.modprobe import MODULE, blacklisting

LAYER = "kernel module"
SETUP = "run: sharpened-camera setup"
_DKMS = f"/var/lib/dkms/{MODULE}"
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_SIGNATURE = b"~Module signature appended~\n"
_ENROL = "enrol the key that signs it, such as: sudo mokutil --import /var/lib/dkms/mok.pub, then restart and choose Enroll MOK"

LOADED = Kind(LAYER, "module-loaded", Level.GOOD, "v4l2loopback {version} is loaded")
OLD = Kind(
    LAYER, "module-old", Level.NOTE,
    "v4l2loopback {version} locks a camera when its writer ends; Sharpened Camera unlocks its own at each start",
    "upgrade v4l2loopback (Debian 12 has 0.12.7) to 0.13 or later if other programs use it too",
)  # fmt: skip
NOT_LOADED = Kind(
    LAYER, "module-not-loaded", Level.MISSING, "v4l2loopback {version} is installed for kernel {release}, but not loaded", SETUP
)
NOT_INSTALLED = Kind(
    LAYER, "module-not-installed", Level.MISSING, "v4l2loopback is not installed", "{install}; then run: sharpened-camera setup"
)
OTHER_KERNEL = Kind(
    LAYER, "module-other-kernel", Level.BROKEN,
    "v4l2loopback is installed for kernel {others}, not for {release}, which is running",
    "restart the computer; if that does not help: {install}",
)  # fmt: skip
NO_HEADERS = Kind(
    LAYER, "module-no-headers", Level.BROKEN,
    "v4l2loopback {version} could not be built for kernel {release}: its headers are missing", "{headers} && {rebuild}",
)  # fmt: skip
NOT_BUILT = Kind(
    LAYER, "module-not-built", Level.BROKEN,
    "v4l2loopback {version} is not built for kernel {release}",
    "{rebuild} (if that fails, /var/lib/dkms/v4l2loopback/{version}/build/make.log says why)",
)  # fmt: skip
UNSIGNED = Kind(
    LAYER, "module-unsigned", Level.BROKEN, "the kernel takes signed modules only (Secure Boot), and v4l2loopback is not signed", _ENROL
)
SIGNED = Kind(
    LAYER, "module-signature", Level.NOTE, "the kernel takes signed modules only (Secure Boot); v4l2loopback is signed by {signer}",
    f"if loading fails with 'Key was rejected': {_ENROL}",
)  # fmt: skip
BLACKLISTED = Kind(LAYER, "module-blacklisted", Level.BROKEN, "{file} keeps v4l2loopback from being loaded", "take that line out of {file}")

KINDS = (LOADED, OLD, NOT_LOADED, NOT_INSTALLED, OTHER_KERNEL, NO_HEADERS, NOT_BUILT, UNSIGNED, SIGNED, BLACKLISTED)


@dataclass(frozen=True, slots=True)
class Module:
    """v4l2loopback on this computer.

    Attributes:
        is_loaded: whether the kernel has it now.
        version: such as "0.12.7", or words where it does not tell.
        file: for the running kernel; None if there is none.
    """

    is_loaded: bool
    version: str
    file: Path | None

    @property
    def is_old(self) -> bool:
        """Whether it is older than 0.13."""
        numbers = re.match(r"(\d+)\.(\d+)", self.version)
        return not numbers or (int(numbers[1]), int(numbers[2])) < (0, 13)


def look_at_module(computer: Computer) -> Module:
    """Reads what there is to know about v4l2loopback."""
    is_loaded = computer.exists(f"/sys/module/{MODULE}")
    version = computer.text(f"/sys/module/{MODULE}/version") or next(iter(_dkms_versions(computer)), "")
    # The module itself tells its version since 0.13.
    return Module(
        is_loaded, version or ("older than 0.13" if is_loaded else "of unknown version"), _module_file(computer, computer.release)
    )


def check(computer: Computer) -> list[Finding]:
    """What this layer finds."""
    if computer.name != "Linux":
        return []
    module = look_at_module(computer)
    found = [_presence(computer, module)]
    if module.is_loaded and module.is_old:
        found.append(OLD.found(version=module.version))
    if not module.is_loaded and module.file and takes_signed_only(computer):
        signer = _signer(computer, module.file)
        found.append(SIGNED.found(signer=signer) if signer else UNSIGNED.found())
    if file := blacklisting(computer):
        found.append(BLACKLISTED.found(file=file))
    return found


def takes_signed_only(computer: Computer) -> bool:
    """Whether the kernel refuses modules without a signature that it knows."""
    state = computer.data(_SECURE_BOOT)  # four bytes of attributes, then the value
    return state[4:5] == b"\1" or computer.text("/sys/module/module/parameters/sig_enforce") == "Y"


def _presence(computer: Computer, module: Module) -> Finding:
    release = computer.release
    if module.is_loaded:
        return LOADED.found(version=module.version)
    if module.file:
        return NOT_LOADED.found(version=module.version, release=release)
    todo = commands(computer)
    versions = _dkms_versions(computer)
    if versions:
        kind = NOT_BUILT if computer.exists(f"/lib/modules/{release}/build") else NO_HEADERS
        return kind.found(version=versions[0], release=release, headers=todo.headers, rebuild=todo.rebuild)
    others = [name for name in computer.names("/lib/modules") if name != release and _is_installed(computer, name)]
    if others:
        return OTHER_KERNEL.found(others=", ".join(others), release=release, install=todo.install)
    return NOT_INSTALLED.found(install=todo.install)


def _dkms_versions(computer: Computer) -> list[str]:
    return [name for name in reversed(computer.names(_DKMS)) if name[:1].isdigit()]


def _module_file(computer: Computer, release: str) -> Path | None:
    if not release:
        return None
    entry = re.search(rf"^(\S*{MODULE}\.ko\S*):", computer.text(f"/lib/modules/{release}/modules.dep"), re.MULTILINE)
    return computer.path(f"/lib/modules/{release}/{entry[1]}") if entry else None


def _is_installed(computer: Computer, release: str) -> bool:
    """Whether a kernel that does not run has the module, listed or not."""
    usual = ("", "updates/", "updates/dkms/", "extra/", "extra/v4l2loopback/")
    folder = f"/lib/modules/{release}"
    return bool(_module_file(computer, release)) or any(computer.glob(f"{folder}/{place}{MODULE}.ko*") for place in usual)


def _signer(computer: Computer, file: Path) -> str:
    """Who signed a module; empty if nobody did."""
    if (answer := computer.run(("modinfo", "-F", "signer", str(file)))) is not None:
        return answer.strip()
    try:
        data = file.read_bytes()
        if file.suffix in (".xz", ".gz"):
            data = (lzma if file.suffix == ".xz" else gzip).decompress(data)
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return "an unknown key"
    return "an unknown key" if data.endswith(_SIGNATURE) or file.suffix == ".zst" else ""
