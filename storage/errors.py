"""The errors of storage.

Each carries a stable code and says in Chinese what to do next.
"""


class StorageError(Exception):
    """The base of all storage errors; keys name no person, so messages may show them."""

    code = "STORAGE_ERROR"
    action = "请联系系统管理员。"

    def __init__(self, message: str, action: str = "") -> None:
        """Keep the message; `action` replaces the next step of the class."""
        super().__init__(f"{message} {action or self.action}")


class BadKeyError(StorageError):
    """A key outside the allowed alphabet, or one that could mean more than one object."""

    code = "BAD_KEY"


class KeyTakenError(StorageError):
    """Other bytes lie under the key already; nothing is ever overwritten."""

    code = "KEY_TAKEN"
    action = "请运行 yice verify 并联系系统管理员。"


class MissingError(StorageError):
    """No object under the key."""

    code = "OBJECT_MISSING"
    action = "请运行 yice verify，并从副本恢复。"


class DigestMismatchError(StorageError):
    """The bytes are not those that were stored."""

    code = "DIGEST_MISMATCH"
    action = "请运行 yice verify，并从副本恢复。"


class PinnedError(StorageError):
    """The object is locked until a date."""

    code = "OBJECT_LOCKED"
    action = "保管期限内不得删除。"


class StoreUnavailableError(StorageError):
    """The store did not answer, answered 5xx, or cut its answer off.

    Of the object itself nothing is known.
    """

    code = "STORE_UNAVAILABLE"
    action = "请检查对象存储服务后再次运行，已完成的不会重做。"


class StoreUnfitError(StorageError):
    """The store lacks a guarantee that the archive needs.

    It would overwrite what is written once, or keep in the open what it was told to encrypt.
    """

    code = "STORE_UNFIT"
    action = "请更换支持条件写入（If-None-Match）的对象存储。"
