"""Characters that nobody sees in a text, and that turn its direction: what is read by people must not hold them."""

_RANGES = (
    *((0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0xFFFE, 0xFFFF), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)
"""Controls, blanks without width, joiners, marks of direction and of notes, fillers, variants, tags."""
UNSEEN = frozenset(chr(code) for first, last in _RANGES for code in range(first, last + 1))
JOINERS = frozenset("\u200c\u200d")
"""Of these, what Persian, the scripts of India and emoji are written with."""
