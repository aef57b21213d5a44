"""Fills docs/other-languages.md: tables from the results beside it, settings from the programs.

`python -m tools bench/clients/page.py` writes it anew. What stands between `<!-- NAME -->` and `<!-- end -->` is made here.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.clients import regions, summary
from bench.clients.rows import CLIENTS, FORMS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, RESULTS, PICTURE = (DOCS / f"other-languages.{ending}" for ending in ("md", "json", "svg"))
_PART = re.compile(r"(<!-- (?!end)([a-z_ -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def versions(document: Mapping[str, Any]) -> str:
    """Return the table of what was run."""
    known = document["versions"]
    rows = [f"| {one.name} | {one.language} | `{one.package}` | {known[one.name]} |" for one in CLIENTS if one.name in known]
    return "\n".join(["| client | language | package | version |", "|---|---|---|---|", *rows])


def parts(document: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> text of everything that is filled in."""
    made = {"versions": versions(document)}
    made |= {f"table {form}": "\n".join(summary.table(document, form)) for form in FORMS}
    made["table refused"] = "\n".join(summary.refusals(document))
    for client in CLIENTS:
        made[f"settings {regions.library(client)}"] = regions.block(client, regions.of(client.language))
    return made


def filled(text: str, document: Mapping[str, Any]) -> str:
    """Return the page with every part as it is now. KeyError when it asks for a part that there is not."""
    made = parts(document)
    return _PART.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), json.loads(RESULTS.read_text())))
