"""What the style sheets may say."""

import re

from flowml.web.assets import static_root


def test_a_theme_is_its_colours_and_nothing_else() -> None:
    """`visiting.py` looks at all that is no colour in one theme, for both."""
    styles = "".join(path.read_text(encoding="utf-8") for path in sorted((static_root() / "css").rglob("*.css")))
    chosen = re.findall(r"\[data-theme[^{}]*\{([^}]*)\}", styles)
    assert len(chosen) == styles.count("[data-theme") == 2
    assert [body.strip() for body in chosen] == ["color-scheme: dark;", "color-scheme: light;"]
    assert "prefers-color-scheme" not in styles
