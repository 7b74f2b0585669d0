"""How Sphinx builds the documentation site: `make docs`.

Sphinx, MyST and Furo are released regularly, read the Markdown of this folder as it stands, check every internal link
and anchor, and write pages that ask no other server for anything (no fonts, scripts or styles from elsewhere).
"""

import inspect
import os
import re
from pathlib import Path

from pygments.lexers.special import TextLexer

from prrt_outcomes.statistics import SurvivalData

ROOT = Path(__file__).resolve().parents[1]
# Pages of the root of the project that the site shows, too; in this folder a page of the same name stands for each.
SHOWN = {"readme": "README.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}

project = "prrt-outcomes"
author = copyright = "The prrt-outcomes developers"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["conf.py"]

html_theme = "furo"
html_title = "prrt-outcomes"
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None

myst_heading_anchors = 3
suppress_warnings = ["myst.strikethrough"]

default_role = "code"
autodoc_member_order = "alphabetical"
toc_object_entries_show_parents = "hide"

LINK = re.compile(r"\]\(([^)#\s]+\.\w+)(#[^)\s]*)?\)")
ITEM = re.compile(r"^([\w*.`]+(?:, [\w*.`]+)*) : ")
LITERAL = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)


def read_page(app, page, source):
    """Show a page of the root in place of the page that stands for it, and lead links to such pages."""
    folder = (ROOT / "docs" / page).parent
    if page in SHOWN:
        folder = ROOT
        source[0] = (ROOT / SHOWN[page]).read_text("utf-8")

    def lead(match):
        target, anchor = match[1], match[2] or ""
        path = (folder / target).resolve()
        if "://" in target or not path.exists():
            return match[0]
        for name, shown in SHOWN.items():
            if path == ROOT / shown:
                path = ROOT / "docs" / f"{name}.md"
        return f"]({os.path.relpath(path, (ROOT / 'docs' / page).parent)}{anchor})"

    source[0] = LINK.sub(lead, source[0])


def format_docstring(app, what, name, obj, options, lines):
    """Lines such as ``time : end of observation`` as a list, and text outside of literals as it stands."""
    made = []
    for line in lines:
        if line.startswith(">>> "):
            made += ["", line] if not made or not made[-1].startswith(">>> ") else [line]
            continue
        if made and made[-1].startswith(">>> "):
            made += [line]
            continue
        item = ITEM.match(line)
        parts = LITERAL.split(line[item.end() :] if item else line)
        text = "".join(
            re.sub(r"([\\*_|])", r"\\\1", part) if not part.startswith("`") else part for part in parts
        )
        if item:
            names = ", ".join(f"**{one.strip('`*')}**".replace("_", r"\_") for one in item[1].split(", "))
            made += ["", f"* {names}: {text}"]
        elif made and made[-1].startswith(("* ", "  ")) and line.startswith(" "):
            made.append(f"  {text.strip()}")
        elif made and made[-1].startswith(("* ", "  ")) and line:
            made += ["", text.strip()]
        else:
            made.append(text.strip())
    lines[:] = made


class Written(str):
    """An annotation as it is written, without quotes."""

    def __repr__(self):
        return str(self)


def write_annotation(annotation):
    if annotation is inspect.Signature.empty:
        return annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"\b\w+\.(?=\w)", "", text)
    if "_SupportsArray" in text:
        text = "ArrayLike | None" if "None" in text else "ArrayLike"
    return Written(re.sub(r"ndarray\[tuple\[Any, \.\.\.\], dtype\[(\w+)\]\]", r"NDArray[\1]", text))


def format_signature(app, what, name, obj, options, signature, returned):
    """The signature as it stands in the code, types without their modules."""
    if what == "class" and obj is not SurvivalData:
        return "", None
    if what != "function":
        return None
    found = inspect.signature(obj)
    parameters = [
        one.replace(annotation=write_annotation(one.annotation)) for one in found.parameters.values()
    ]
    returned = write_annotation(found.return_annotation)
    plain = found.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return str(plain), None if returned is inspect.Signature.empty else str(returned)


# What the theme leaves out for keyboards and screen readers.
REACHED = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer': '<aside aria-label="This page" class="toc-drawer',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}


def complete_pages(app, failure):
    """Levels, names and the focus of what scrolls, on each page that was written."""
    for path in () if failure else Path(app.outdir).rglob("*.html"):
        page = path.read_text("utf-8")
        for written, complete in REACHED.items():
            page = page.replace(written, complete)
        path.write_text(page, "utf-8")


def setup(app):
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", read_page)
    app.connect("build-finished", complete_pages)
    app.connect("autodoc-process-docstring", format_docstring)
    app.connect("autodoc-process-signature", format_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
