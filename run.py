"""The one entry point: `python run.py` says what to type, `python run.py --help` explains every key."""

from pathlib import Path

from ganrepro.cli import main

if __name__ == "__main__":
    main(Path(__file__).parent / "conf")
