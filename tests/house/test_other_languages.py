"""docs/other-languages.md shows the code that was run and the results of that run; the counting of bench/clients is right."""

import json
from typing import Any

import pytest

from bench.clients import ledger, page, picture, regions, summary
from bench.clients.rows import CLIENTS, FORMS, SETTINGS, Client, rows, versions
from bench.clients.worlds import World

FAULT, STOPPED = 1000.0, 1060.0


def lines(*writes: tuple[float, float, int, str]) -> list[str]:
    return [f"{int(start * 1e6)} {int(end * 1e6)} {number} {told}" for start, end, number, told in writes]


def seen(*writes: tuple[float, float, int, str], kept: tuple[int, ...] = ()) -> dict[str, Any]:
    return ledger.outcome(ledger.read(lines(*writes)), FAULT, STOPPED, kept)


STEADY = [(990 + number / 2, 990.01 + number / 2, number, "ok") for number in range(20)]  # the last one ends at 999.51


def after(first: float, number: int = 100) -> list[tuple[float, float, int, str]]:
    return [(first + at / 2, first + at / 2 + 0.01, number + at, "ok") for at in range(int((STOPPED - first) * 2))]


def test_an_outage_is_counted_from_the_last_acknowledged_write_to_the_next() -> None:
    failed = (999.6, 1004.0, 20, "error Refused: no")
    found = seen(*STEADY, failed, *after(1005.0), kept=tuple(range(300)))
    assert found["outage_seconds"] == pytest.approx(5.5, abs=0.01)
    assert found["recovered"]
    assert found["longest_seconds"] == pytest.approx(4.4, abs=0.01)
    assert found["errors"] == {"Refused: no": 1}
    assert found["lost"] == 0


def test_a_client_that_fails_again_later_is_judged_by_its_longest_outage() -> None:
    found = seen(*STEADY, (1001.0, 1001.01, 50, "ok"), *after(1020.0))
    assert found["outage_seconds"] == pytest.approx(19.0, abs=0.01)


def test_an_outage_may_begin_before_the_fault_was_noted() -> None:
    assert seen((990.0, 990.01, 1, "ok"), *after(1005.0))["outage_seconds"] == pytest.approx(15.0, abs=0.01)


def test_a_client_that_never_comes_back_says_so() -> None:
    errors = [(1000.0 + at, 1000.5 + at, 20 + at, "error Gone: away") for at in range(59)]
    found = seen(*STEADY, *errors)
    assert not found["recovered"]
    assert found["outage_seconds"] == pytest.approx(60.5, abs=0.01)
    assert found["errors"] == {"Gone: away": 59}


def test_a_command_that_has_not_ended_is_the_longest() -> None:
    found = seen(*STEADY)
    assert found["longest_seconds"] == pytest.approx(60.5, abs=0.01)
    assert not found["recovered"]


def test_a_client_that_never_wrote() -> None:
    found = seen((999.5, 999.6, 1, "error Auth: no"))
    assert (found["acknowledged"], found["recovered"]) == (0, False)
    assert summary.outage_cell([found]) == "never wrote"


def test_acknowledged_writes_that_the_server_does_not_have_are_lost() -> None:
    assert seen(*STEADY, kept=tuple(range(18)))["lost"] == 2


def test_lines_of_other_forms_are_passed_over() -> None:
    assert [one.number for one in ledger.read(["a warning", "1 2 3", "1 2 4 ok", "1 2 5 perhaps", "1 2 6 error X: y z"])] == [
        4,
        6,
    ]
    assert ledger.read(["1 2 6 error X: y z"])[0].error == "X: y z"


def test_errors_that_differ_by_address_and_number_only_are_one() -> None:
    texts = ["dial tcp 127.3.1.10:6379: refused after 7 tries", "dial tcp 127.3.1.12:6379: refused after 12 tries"]
    assert len({ledger.shortened(text) for text in texts}) == 1
    assert ledger.shortened("lookup one.ab.0001.euc1.cache.amazonaws.com: no") == "lookup HOST: no"
    assert ledger.shortened("x" * 500) == "x" * ledger.TEXT


def test_rows_that_came_back_in_some_repeats_say_in_how_many_they_did_not() -> None:
    back, gone = {"acknowledged": 1, "recovered": True, "outage_seconds": 5.0}, {"acknowledged": 1, "recovered": False}
    assert summary.outage_cell([back, back]) == "5.0 (5.0 to 5.0)"
    assert summary.outage_cell([back, gone]) == "5.0 (5.0 to 5.0), in 1 of 2 never came back"
    assert summary.outage_cell([gone, gone]) == "never came back"


def test_what_clients_say_when_sentinels_refuse_them_is_a_table_of_its_own() -> None:
    row = {"client": "a", "settings": "defaults", "longest_seconds": 3.0, "errors": {"X: `no`|": 2, "Y": 1}, "acknowledged": 0}
    document = {"runs": [{"form": "sentinel", "fault": "refused", "rows": [row], "server": {"outage_seconds": 1.0}}]}
    assert summary.refusals(document)[2:] == ["| a | defaults | 3.0 | `X: 'no'\\|` |"]
    assert summary.lines(document) == []


def test_regions_are_what_stands_between_their_marks() -> None:
    text = "a\n  // settings: x one y\n  // settings: z one y\n  code(\n    1),\n  // end\n// settings: x one y\nmore\n// end\n"
    assert regions.read(text) == {"x one y": ["code(\n  1)", "more"], "z one y": ["code(\n  1)"]}


def test_a_part_that_all_forms_share_is_shown_once() -> None:
    client = Client("a", "Python", "a", (), ("sentinel", "primary"))
    found = {"a sentinel recommended": ["ask()", "loop()"], "a primary recommended": ["dial()", "loop()"]}
    shown = "```py\n# Sentinel, primary endpoint\nloop()\n\n# Sentinel\nask()\n\n# primary endpoint\ndial()\n```"
    assert regions.block(client, found) == shown


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_row_has_its_settings_in_its_program(client: Any) -> None:
    found = regions.of(client.language)
    wanted = {f"{regions.library(client)} {form} {settings}" for form in client.forms for settings in SETTINGS}
    assert wanted - found.keys() == set()


def test_the_page_shows_the_results_and_the_code_that_was_run() -> None:
    text, results = page.PAGE.read_text(), json.loads(page.RESULTS.read_text())
    assert page.filled(text, results) == text, "run: .venv/bin/python -m tools bench/clients/page.py"
    assert page.PICTURE.read_text() == picture.draw(results)
    for client in CLIENTS:
        assert f"<!-- settings {regions.library(client)} -->" in text
    assert all(
        f"<!-- {part} -->" in text for part in ("versions", "table sentinel", "table primary", "table cluster", "table refused")
    )
    assert f"on {results['date']}:" in text


def test_the_results_are_of_every_row_and_of_the_pinned_versions() -> None:
    results = json.loads(page.RESULTS.read_text())
    wanted = {(client.name, form, settings, fault) for client, form, settings in rows(FORMS) for fault in World.faults(form)}
    assert summary.grouped(results).keys() == wanted
    assert all(len(repeats) >= 3 for repeats in summary.grouped(results).values())
    pinned = versions({client.package: results["versions"][client.name] for client in CLIENTS})
    assert results["versions"] == pinned
