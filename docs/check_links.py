"""Links between the Markdown pages of this repository lead to files and headings that exist.

Run as `python docs/check_links.py`. Addresses on the network are not visited, nor are reports that runs wrote.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# Pages that people read: all but the reports in the runs that tests keep.
PAGES = ("*.md", ":(exclude)tests/earlier_version/run")
CODE = re.compile(r"^```.*?^```|^(?: {4}|\t).*?$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


def main() -> int:
    """Exit code 1 and a line for each link that leads nowhere."""
    listed = subprocess.check_output(["git", "ls-files", *PAGES], cwd=ROOT, text=True).split()
    wrong = [line for name in listed for line in broken(ROOT / name)]
    print("\n".join(wrong) or f"links of {len(listed)} pages lead somewhere")
    return bool(wrong)


def broken(page: Path) -> Iterator[str]:
    """The links of a page that lead nowhere, in words."""
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"{page.relative_to(ROOT)}: {target}: there is no {path}"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            yield f"{page.relative_to(ROOT)}: {target}: {file.name} has no such heading"


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in HEADING.findall(text):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        name, count = plain, 0
        while name in found:
            count += 1
            name = f"{plain}-{count}"
        found.add(name)
    return found


if __name__ == "__main__":
    sys.exit(main())
