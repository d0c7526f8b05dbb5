"""`python -m tests.manual`: whether the reference of pipelines is as contracts and examples make it.

With `--write` it is made. With `--run` the examples are run first, and what they leave is stored.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.manual.examples import files
from tests.manual.pages import pages, store
from tests.manual.running import ExampleOutcome, outcome_of, outside
from tests.timeskip.conftest import time_skipping


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.manual", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the pages")
    parser.add_argument("--run", action="store_true", help="run the examples and store what they leave")
    options = parser.parse_args()
    if options.run:
        with tempfile.TemporaryDirectory() as folder:
            store(asyncio.run(_run(Path(folder))))
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if options.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path], encoding="utf-8")
    return 0 if options.write or not stale else 1


async def _run(root: Path) -> dict[str, ExampleOutcome]:
    with outside() as there:
        async with time_skipping(root / "payloads") as env:
            return {file.stem: await outcome_of(file, env, root / file.stem, there) for file in files()}


if __name__ == "__main__":
    raise SystemExit(main())
