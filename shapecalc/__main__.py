"""`python -m shapecalc` is `shapecalc`."""

from shapecalc.cli import main

if __name__ == "__main__":
    main()
