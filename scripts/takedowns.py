#!/usr/bin/env python3
"""Takes down each wall of tests/takedowns/ in a copy of the tree, and looks whether the named test fails.

    scripts/takedowns.py            all of them, about a minute each
    scripts/takedowns.py force …    these
    scripts/takedowns.py --check    only that every text is still in its file; no copy, no compiler

The copy is of the last commit, in target/takedowns, where its build stays.
"""

import os
import pathlib
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACE = ROOT / "target" / "takedowns"
# What nextest ends with: a test failed; something did not build; no test of that name.
FAILED, UNBUILT, NONE = 100, 101, 4


def edited(tree, takedown):
    """The files that change, as text."""
    texts = {}
    for edit in takedown["edit"]:
        path = tree / edit["file"]
        text = texts.get(path) or path.read_text()
        if text.count(edit["take"]) != 1:
            sys.exit(f"takedowns: {takedown['name']}: its text stands {text.count(edit['take'])} times in {edit['file']}")
        texts[path] = text.replace(edit["take"], edit["leave"])
    return texts


def run(tree, test):
    environment = dict(os.environ, CARGO_TARGET_DIR=str(PLACE / "build"))
    command = ["cargo", "nextest", "run", "--locked", "--workspace", "-E", f"test(/(^|::){test}(::|$)/)"]
    return subprocess.run(command, cwd=tree, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def main(names):
    lists = [ROOT / "tests" / "takedowns" / name for name in ("walls.toml", "proofs.toml")]
    takedowns = [takedown for each in lists for takedown in tomllib.loads(each.read_text())["takedown"]]
    if names == ["--check"]:
        for takedown in takedowns:
            edited(ROOT, takedown)
        return
    chosen = [takedown for takedown in takedowns if not names or takedown["name"] in names]
    if not chosen:
        sys.exit("takedowns: none of that name")
    standing = []
    tree, git = PLACE / "tree", ["git", "-C", str(ROOT), "worktree"]
    # What an interrupted run left.
    subprocess.run([*git, "remove", "--force", str(tree)], capture_output=True)
    subprocess.run([*git, "add", "--quiet", "--detach", str(tree), "HEAD"], check=True)
    try:
        for takedown in chosen:
            texts = edited(tree, takedown)
            whole = {path: path.read_text() for path in texts}
            for path, text in texts.items():
                path.write_text(text)
            began = time.monotonic()
            done = run(tree, takedown["test"])
            for path, text in whole.items():
                path.write_text(text)
            words = {FAILED: "found", 0: "NOT FOUND", UNBUILT: "does not build", NONE: "no such test"}
            word = words.get(done.returncode, f"nextest ended with {done.returncode}")
            print(f"{word:14} {time.monotonic() - began:4.0f} s  {takedown['name']:28} {takedown['test']}", flush=True)
            if done.returncode != FAILED:
                standing.append(takedown["name"])
                print("\n".join(done.stderr.splitlines()[-30:]), flush=True)
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)
    if standing:
        sys.exit(f"takedowns: not shown: {', '.join(standing)}")


main(sys.argv[1:])
