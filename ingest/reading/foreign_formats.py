"""Names of formats that the archive does not take, so that a refusal says what came."""

_HEIC, _AVIF, _VIDEO = "HEIC 图像（手机照片）", "AVIF 图像", "视频"
_BRANDS = {
    **dict.fromkeys(
        (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), _HEIC
    ),
    **dict.fromkeys((b"avif", b"avis"), _AVIF),
    **dict.fromkeys((b"isom", b"mp41", b"mp42", b"qt  ", b"M4V ", b"3gp4", b"3gp5"), _VIDEO),
    b"crx ": "相机原始图像（CR3）",
}
_MAGIC = (
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000 图像"),
    (b"\xff\x4f\xff\x51", "JPEG 2000 图像"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL 图像"),
    (b"\xff\x0a", "JPEG XL 图像"),
    (b"II\xbc", "JPEG XR 图像"),
    (b"GIF8", "GIF 图像"),
    (b"BM", "BMP 图像"),
    (b"8BPS", "Photoshop 图像"),
    (b"\x00\x00\x01\x00", "图标（ICO）"),
    (b"AT&TFORM", "DjVu 文件"),
    (b"%!PS", "PostScript 文件"),
    (b"\xc5\xd0\xd3\xc6", "EPS 图像"),
    (b"{\\rtf", "RTF 文档"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "旧版 Office 文档"),
    (b"PK\x03\x04", "压缩包（ZIP）"),
    (b"Rar!", "压缩包（RAR）"),
    (b"7z\xbc\xaf", "压缩包（7z）"),
    (b"\x1f\x8b", "压缩包（gzip）"),
    (b"MZ", "可执行程序"),
    (b"\x7fELF", "可执行程序"),
    (b"<svg", "SVG 图像"),
    (b"<?xml", "XML 文件"),
    (b"<html", "网页"),
    (b"<!DOCTYPE html", "网页"),
    *((b"P%d\n" % number, "PNM 图像") for number in range(1, 8)),
)
_OFFICE = ((b"word/", "Word 文档"), (b"xl/", "Excel 表格"), (b"ppt/", "演示文稿"))


def foreign_format(data: bytes) -> str:
    """Return the name of the format of a file, empty for one that is not known by its content."""
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "MP4 类的影像文件")
    if data.startswith(b"RIFF"):
        return {b"WEBP": "WebP 图像", b"AVI ": _VIDEO}.get(data[8:12], "RIFF 文件")
    if data.startswith(b"PK\x03\x04"):
        for mark, name in _OFFICE:
            if mark in data[:4096] or mark in data[-65536:]:
                return name
    return next((name for magic, name in _MAGIC if data.startswith(magic)), "")
