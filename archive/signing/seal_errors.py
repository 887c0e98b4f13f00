"""Reasons why a seal was not set: each has its own code and next step.

None of them leaves a volume behind.
"""

from archive.reference.compile_errors import CompileError


class SealError(CompileError):
    """The seal could not be set."""

    code = "SEAL_FAILED"
    default_action = "请检查印章证书的有效期和吊销状态后重试。"


class SealConfigError(SealError):
    """The settings of the seal contradict each other or are incomplete."""

    code = "SEAL_CONFIG"
    default_action = "请核对 YICE_SEAL_…、YICE_PKCS11_…、YICE_TRUST_FOLDER 等设置。"


class SealKeyMissingError(SealError):
    """The key of this fonds is missing, does not open, or is of a kind that is not used."""

    code = "SEAL_KEY_MISSING"
    default_action = "请检查该全宗的密钥文件（或密码机中的密钥标签）与口令。"


class SealKeyLostError(SealError):
    """The token does not answer, and opening its session anew did not help."""

    code = "SEAL_KEY_LOST"
    default_action = "请检查密码机的连接后重试；本册未签章，不会丢失。"


class SealExpiredError(SealError):
    """The certificate, or one above it, is past its validity."""

    code = "SEAL_EXPIRED"
    default_action = "请更换有效的印章证书后重试。"


class SealNotYetValidError(SealError):
    """The certificate, or one above it, is not valid yet."""

    code = "SEAL_NOT_YET_VALID"
    default_action = "请核对服务器时钟，或等证书生效后重试。"


class SealRevokedError(SealError):
    """The certificate, or one above it, was revoked by its issuer."""

    code = "SEAL_REVOKED"
    default_action = "请停用该印章，换用新的印章证书后重试。"


class SealUntrustedError(SealError):
    """The certificate has no path to a trusted root, or is not for signing."""

    code = "SEAL_UNTRUSTED"
    default_action = "请把签发机构的根证书和中间证书放入 YICE_TRUST_FOLDER 后重试。"


class SealRevocationUnknownError(SealError):
    """It is unknown whether the certificate was revoked; such a seal is not set."""

    code = "SEAL_REVOCATION_UNKNOWN"
    default_action = "请更新 YICE_CRLS 指定的吊销列表，或设置 YICE_REVOCATION_FETCH=true 后重试。"


class TimestampUntrustedError(SealError):
    """The time-stamp comes from an authority without a path to a trusted root."""

    code = "TSA_UNTRUSTED"
    default_action = "请核对 YICE_TSA_URL，或把该时间戳机构的根证书放入 YICE_TRUST_FOLDER。"


class TimestampPendingError(SealError):
    """The time-stamping authority still does not answer as it should; the volume stays."""

    code = "TSA_UNAVAILABLE"
    default_action = "请稍后再运行 yice timestamp --pending。"


class TimestampLapsedError(SealError):
    """The chain of time-stamps has already ended.

    What the volume was is now shown only by its digests and the anchored journal.
    """

    code = "TSA_LAPSED"
    default_action = "请运行 yice verify 查明原因；归档记录与审计日志的锚点仍可证明原貌。"
