"""Points: those that the tests gave, and those that a person gives."""

import json

from book.grading import marks, platforms, receive
from book.tools.exercises import exercise_of, kind


def version(one, cell: str) -> str:
    """The fingerprint of what a mark was given for."""
    if cell in one.answers:
        found = [c for c in one.notebook.cells if c.id == cell and "attachments" in c]
        pictures = json.dumps([c.attachments for c in found], sort_keys=True)
        return marks.version_of(one.answers[cell] + (pictures if found else ""))
    code = [c.source for c in one.notebook.cells if c.cell_type == "code"]
    return marks.version_of("\n".join(code))


def score(one, master, run: dict) -> None:
    """Give `one` its points: those of the tests, and those of a person."""
    tests = run.get("tests", {})
    for cell in master.cells:
        what = kind(cell)
        if what not in ("test", "written"):
            continue
        most, mark = float(cell.metadata.nbgrader.points), one.marks.get(cell.id)
        grade = {
            "points": 0.0,
            "max": most,
            "waiting": False,
            "comment": "",
            "note": "",
        }
        given, state = (
            marks.settle(mark, version(one, cell.id), most) if mark else (None, "")
        )
        if mark:
            grade["comment"] = mark.row["comment"]
        if given is not None:
            grade["points"] = given
            if what == "test":
                state = "overruled" if state == "marked" else f"overruled; {state}"
                grade["note"] = "Marked by a person."
        elif what == "test":
            passed = tests.get(cell.id, {}).get("passed") is True
            grade["points"] = most if passed else 0.0
        elif one.answers.get(cell.id):
            grade["waiting"] = True
        else:
            grade["note"] = "Not answered."
        grade["state"] = state
        one.grades[cell.id] = grade


def give_marks(found: list, rows: list) -> list[str]:
    """Find for each mark the submission that it belongs to; what to tell the teacher.

    By the student's id or name; by the id without the zeros that spreadsheets take
    away; else by the answer, if only one student has given it.
    """
    said, mine = [], {}
    for one in found:
        for name in receive.names(one):
            mine.setdefault((one.slug, platforms.key_of(name)), []).append(one)
            if bare := platforms.zeroless(name):
                mine.setdefault((one.slug, "bare", bare), []).append(one)
        for cell in one.answers:
            key = (one.slug, cell, version(one, cell))
            mine.setdefault(key, []).append(one)
    for mark in rows:
        row = mark.row
        slug, name, cell = row["assignment"], row["student"], row["cell"]
        worth = mark.points is not None or mark.wrong or row["comment"]
        ways = [
            ("", (slug, platforms.key_of(name))),
            ("its zeros were lost", (slug, "bare", platforms.zeroless(name))),
            ("by the column name", (slug, platforms.key_of(row["name"]))),
            ("by the answer", (slug, cell, row["version"])),
        ]
        for way, key in ways:
            people = {id(one): one for one in mine.get(key, [])} if key[-1] else {}
            if len(people) == 1:
                (one,), how = people.values(), way
                break
        else:
            continue
        if how and worth:
            said.append(
                f"written.csv: '{name}' was taken for {receive.id_of(one)} ({how})."
            )
        if mark.points is None and not mark.wrong and cell in one.marks:
            mark.lost = "another row is for the same cell"
            continue
        graded = [c.id for c in one.notebook.cells if kind(c) in ("test", "written")]
        if cell not in graded:
            near = [c for c in graded if exercise_of(c) == exercise_of(cell)]
            near = ", ".join(near or graded)
            mark.lost = row["state"] = f"{slug} has no cell '{cell}'; it has {near}"
            continue
        one.marks[cell], mark.used = mark, True
    return said
