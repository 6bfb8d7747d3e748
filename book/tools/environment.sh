#!/bin/sh
# Makes a virtual environment and installs what it needs, once:
#
#   sh book/tools/environment.sh DIR REQUIREMENTS [PIP OPTION ...]
#
# PYTHON names the interpreter; without it, the first suitable one on the PATH is taken.
# An environment that is complete is left alone; one that was interrupted or moved, or
# whose Python is gone, is made anew; one whose requirements changed is brought up to date.
set -eu

dir=$1
requirements=$2
shift 2
complete=$dir/.complete # where it was made and for what; written last

fail() {
    printf '%s\n' "" "$@" >&2
    exit 1
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo missing
}

contents() {
    echo "# $(pwd)"
    cat "$requirements"
}

find_python() {
    set -- python3 python3.13 python3.12 python3.11 python
    [ -z "${PYTHON:-}" ] || set -- "$PYTHON"
    for candidate in "$@"; do
        case $(version "$candidate") in
            3.11 | 3.12 | 3.13) echo "$candidate" && return ;;
        esac
    done
}

usable() { # once complete, not moved since, and with the Python that is asked for
    [ -f "$complete" ] && [ "$(head -n 1 "$complete")" = "# $(pwd)" ] &&
        "$dir/bin/python" -c 'import pip' 2>/dev/null &&
        case ${PYTHON:+$(version "$PYTHON")} in
            "" | "$(version "$dir/bin/python")") true ;;
            *) false ;;
        esac
}

drifted() { # what is asked for, on every system, and not there: somebody changed it
    there=$(ls "$dir"/lib/python*/site-packages 2>/dev/null |
        sed -n 's/\(+[^-]*\)*\.dist-info$//p' | tr 'A-Z.-' 'a-z__')
    [ -n "$there" ] &&
        sed -n '/;/!s/^\([A-Za-z0-9._-]*==[^ #]*\).*/\1/p' "$requirements" |
        sed 's/==/-/' | tr 'A-Z.-' 'a-z__' | grep -vxF "$there"
}

if usable; then
    if contents | cmp -s - "$complete"; then
        others=$(drifted) || exit 0
        echo "Note: $dir is not what $requirements asks for; not there:" $others >&2
        echo "To mend it: $dir/bin/python -m pip install $* -r $requirements" >&2
        exit 0
    fi
    echo "Bringing $dir up to date with $requirements."
    rm "$complete"
else
    python=$(find_python)
    if [ -z "$python" ]; then
        fail "The book needs Python 3.11, 3.12 or 3.13." \
            "${PYTHON:-python3} here is: $(version "${PYTHON:-python3}")." \
            "Install one from https://www.python.org/downloads, or name the one you have:" \
            "    make book PYTHON=/path/to/python3.12"
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python ($(version "$python")) cannot make virtual environments. On Debian and" \
            "Ubuntu the package python$(version "$python")-venv adds that; or name another one:" \
            "    make book PYTHON=/path/to/python3.12"
    if [ -e "$dir" ] && ! [ -f "$dir/pyvenv.cfg" ]; then
        rmdir "$dir" 2>/dev/null ||
            fail "$dir is there, but is no virtual environment. Move it out of the way."
    fi
    rm -rf "$dir"
    echo "Making $dir with Python $(version "$python"). This happens once and takes a while."
    "$python" -m venv "$dir" || fail "Could not make $dir; the reason stands above."
fi

[ -t 1 ] || set -- --quiet "$@"
"$dir/bin/python" -m pip install --disable-pip-version-check "$@" -r "$requirements" ||
    fail "Could not install $requirements into $dir; the reason stands above." \
        "Check the network (PIP_INDEX_URL names a mirror) and run the same command again."
contents >"$complete.part"
mv "$complete.part" "$complete"
