"""Grade what a class has handed in: `make grade SUBMISSIONS=folder [OUT=folder]`.

SUBMISSIONS is what your platform gave you, a folder or the zip itself: Moodle, Canvas,
Blackboard and Gradescope are known by the names of their files; flat files and a folder
for each student do as well. It is only read. ROSTER=table.csv, best the platform's own
export, adds those who handed in nothing and fills in the tables for importing.

- `grades.csv`: a row per student and assignment, points by exercise;
- `written.csv`: the written answers; fill in points and comments, and grade again;
- `import/`: tables that gradebooks import, and feedback pages packed for them;
- `feedback/ASSIGNMENT/STUDENT.html`: a page each, which needs no network.

What was graded before is not run again. One bad submission never stops the others.
"""

import argparse
import os
import sys
import warnings
import zipfile
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from book.grading import platforms, points, receive, running  # noqa: E402
from book.grading.report import Report, Sheet, tell, write_for_import  # noqa: E402
from book.tools.exercises import (  # noqa: E402
    CELL_SECONDS,
    NOTEBOOK_SECONDS,
    GradingError,
    enter_environment,
    write,
)


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line, checked."""
    text = __doc__.split("\n", 1)
    parser = argparse.ArgumentParser(
        description=text[0],
        epilog=text[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("submissions", help="folder or zip with the submissions")
    add("out", nargs="?", default="", help="default: SUBMISSIONS-graded")
    add("--roster", default="", help="table of the class: id, name, email")
    add("--hidden", action="store_true", help="show the hidden tests on the pages")
    add("--variants", action="store_true", help="numbers by the roster's ids")
    add("--unsafe", action="store_true", help="run without the sandbox")
    cell, whole = "seconds of computing for a cell", "seconds for a notebook"
    add("--timeout", type=int, default=CELL_SECONDS, help=f"{cell} (%(default)s)")
    add("--total", type=int, default=NOTEBOOK_SECONDS, help=f"{whole} (%(default)s)")
    add("--memory", type=int, default=4, help="GiB for a notebook (%(default)s)")
    add("--jobs", type=int, default=0, help="notebooks at once (one for each core)")
    add("--again", action="store_true", help="also run what was graded before")
    chosen = parser.parse_args(arguments)
    for name, least in (("timeout", 1), ("total", 1), ("memory", 1), ("jobs", 0)):
        if (given := vars(chosen)[name]) < least:
            raise GradingError(f"--{name} must be at least {least}, got {given}")
    if chosen.variants and not chosen.roster:
        raise GradingError("VARIANTS needs ROSTER: the numbers come from its ids")
    if not chosen.submissions.strip():
        raise GradingError("which folder? make grade SUBMISSIONS=folder [OUT=folder]")
    folder = Path(chosen.submissions).expanduser().resolve()
    if not folder.is_dir() and not zipfile.is_zipfile(folder):
        what = "is neither a folder nor a zip" if folder.exists() else "does not exist"
        raise GradingError(f"SUBMISSIONS={chosen.submissions} {what}")
    beside = folder.with_suffix("") if folder.is_file() else folder
    out = Path(chosen.out).expanduser() if chosen.out else Path(f"{beside}-graded")
    chosen.submissions, chosen.out = folder, out.resolve()
    if chosen.out == folder or folder in chosen.out.parents:
        raise GradingError(f"OUT={out} lies in SUBMISSIONS, which is only read")
    try:
        chosen.out.mkdir(parents=True, exist_ok=True)
        write(chosen.out / "feedback" / ".write-test", "")
        (chosen.out / "feedback" / ".write-test").unlink()
    except OSError as error:
        raise GradingError(
            f"cannot write to {out} ({error.strerror}): set OUT"
        ) from None
    return chosen


def main(arguments: list[str]) -> int:
    sys.stdout.reconfigure(errors="backslashreplace")
    warnings.simplefilter("ignore")  # what Python thinks of students' code
    chosen = options(arguments)
    roster = None
    if chosen.roster:
        roster = platforms.read_roster(Path(chosen.roster).expanduser())
    enter_environment()
    masters = running.masters()
    found, left_out = receive.find_submissions(
        chosen.submissions, list(masters), roster
    )
    if not found:
        raise GradingError(f"there is nothing in {chosen.submissions}")
    running.take_all(found, masters, chosen.variants)
    found = receive.choose(found, list(masters))
    known = [name for one in found for name in receive.names(one)]
    sheet = Sheet(chosen.out / "written.csv", known)
    notebooks = [one for one in found if one.notebook]
    said = points.give_marks(notebooks, sheet.marks)
    settings = {name: getattr(chosen, name) for name in ("timeout", "total", "memory")}
    settings["unsafe"] = chosen.unsafe
    todo = running.plan(found, masters, settings, chosen)
    jobs = chosen.jobs or os.cpu_count() or 1
    fresh = sum(not one.grades for one, _ in todo)
    print(
        f"{len(found)} submissions: {fresh} to run, {len(todo)} pages to write, "
        f"{jobs} at a time.",
        flush=True,
    )
    if chosen.unsafe:
        print("UNSAFE: the students' code runs with your rights.", flush=True)
    report = Report(found, masters, sheet, roster, chosen)
    with running.judge(settings) if todo else nullcontext():
        report.begin([one for one, _ in todo])
        if todo:
            running.grade_all(todo, settings, jobs, masters, report.each)
    report.tables()
    said += write_for_import(report)
    tell(report, left_out, said)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except GradingError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(
            "\nStopped. What was graded is kept: the same command goes on from here."
        )
