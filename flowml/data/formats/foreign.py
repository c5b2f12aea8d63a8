"""Files that people do upload and that hold no table we can read, recognised to name them in the answer."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a sound, picture or video file"),
    (b"ID3", "a sound file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or encrypted office document other than an Excel workbook"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"{\\rtf", "a rich text document"),
)

# By a part's name, which the first bytes of the zip file hold.
_DOCUMENTS: tuple[tuple[bytes, str], ...] = (
    (b"word/", "a Word document"),
    (b"ppt/", "a PowerPoint presentation"),
    (b"visio/", "a Visio drawing"),
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "an OpenDocument text"),
    (b"mimetypeapplication/vnd.oasis.opendocument.presentation", "an OpenDocument presentation"),
    (b"mimetypeapplication/epub", "an electronic book"),
    (b"META-INF/MANIFEST.MF", "a Java program"),
)
_ZIP = b"PK\x03\x04"

_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<svg", "an SVG picture"),
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
    if head.startswith(_ZIP):
        parts = (title for part, title in _DOCUMENTS if part in head)
        return next(parts, "an office document or archive other than a workbook")
    if head[257:262] == b"ustar":
        return "a tar archive"
    opening = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    return next((title for signature, title in _MARKUP if opening.startswith(signature)), None)
