"""Files that people do upload and that hold no table we can read, recognised to name them in the answer."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a sound, picture or video file"),
    (b"ID3", "a sound file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PK\x03\x04", "a zip archive or an office document other than an Excel workbook"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or encrypted office document other than an Excel workbook"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"{\\rtf", "a rich text document"),
)

_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<svg", "an SVG picture"),
    (b"<?xml", "an XML document"),
)


def recognise(head: bytes) -> str | None:
    """What this is, as words that follow “this is …”; None when it is nothing known.

    >>> recognise(b"%PDF-1.7")
    'a PDF document'
    """
    for signature, title in _SIGNATURES:
        # Short signatures of letters also start ordinary texts ("MZ;…", "ORC,…"): only binary content counts.
        if head.startswith(signature) and (len(signature) > 3 or b"\x00" in head[:1024] or not signature.isascii()):
            return title
    opening = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    return next((title for signature, title in _MARKUP if opening.startswith(signature)), None)
