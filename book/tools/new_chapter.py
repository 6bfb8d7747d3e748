"""Begin a chapter: write every file it needs, small and complete.

    python book/tools/new_chapter.py 14-attention attention \
        --title "Attention" --question "How does a network look twice?"

The files are those of book/tools/template/. They pass every test as they are, so that
what fails later is what you wrote. Nothing that exists is changed.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools import address, layout  # noqa: E402

FILES = {
    "chapter.ipynb": "chapters/SLUG.ipynb",
    "exercise.ipynb": "exercises/masters/SLUG.ipynb",
    "wrong_answers.diff": "tests/wrong_answers/SLUG.diff",
    "facts.py": "book/facts/SLUG.py",
    "module.py": "utils/MODULE.py",
    "test_module.py": "tests/test_MODULE.py",
    "figures.py": "utils/figures/MODULE.py",
    "explorer.py": "utils/explorers/MODULE.py",
    "explorer.js": "utils/explorers/MODULE.js",
    "test_explorer.py": "tests/test_explorer_MODULE.py",
}


def fill(text: str, words: dict[str, str]) -> str:
    """`text` with the words in capitals replaced."""
    return re.sub(
        r"\b(SLUG|NUMBER|COLAB)\b|MODULE|CLASS|CHAPTER|QUESTION",
        lambda found: words[found[0]],
        text,
    )


def new_chapter(
    slug: str, module: str, title: str, question: str, root: Path = ROOT
) -> list[Path]:
    """Write the files of a chapter, and return their paths.

    Raises:
        ValueError: the slug or module is malformed or taken, or a file is there.
    """
    if not re.fullmatch(r"\d\d(-[a-z0-9]+)+", slug):
        raise ValueError(f"slug must look like '11-more-convolutions', got {slug!r}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module):
        raise ValueError(f"module must be a Python name in lower case, got {module!r}")
    taken = layout.chapters(root)
    if int(slug[:2]) != len(taken) + 1:
        raise ValueError(f"the next chapter's number is {len(taken) + 1}, got {slug!r}")
    words = {
        "SLUG": slug,
        "NUMBER": str(int(slug[:2])),
        "MODULE": module,
        "CLASS": "".join(part.capitalize() for part in module.split("_")),
        "CHAPTER": title,
        "QUESTION": question,
        "COLAB": address.forms(layout.repository(root))[1],
    }
    paths = {name: root / fill(place, words) for name, place in FILES.items()}
    for path in paths.values():
        if path.exists():
            raise ValueError(f"{path.relative_to(root)} is there already")
    for name, path in paths.items():
        text = Path(__file__).with_name("template").joinpath(name).read_text("utf-8")
        if name.endswith(".ipynb"):
            words_in_json = {k: json.dumps(v)[1:-1] for k, v in words.items()}
            notebook = json.loads(fill(text, words_in_json))
            setup = next(c for c in notebook["cells"] if c["id"] == "setup")
            setup["source"] = layout.setup_cell(root).splitlines(keepends=True)
            text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
            path.write_text(text + "\n", encoding="utf-8")
        else:
            path.write_text(fill(text, words), encoding="utf-8")
    return list(paths.values())


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slug", help="number and name, such as 11-more-convolutions")
    parser.add_argument("module", help="its module in utils, such as more_convolutions")
    parser.add_argument("--title", required=True)
    parser.add_argument("--question", required=True, help="that the chapter answers")
    chosen = parser.parse_args(arguments)
    try:
        paths = new_chapter(**vars(chosen))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for path in paths:
        print(path.relative_to(ROOT))
    print("Now: make outputs, and then make check.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
