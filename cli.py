"""`python cli.py ...` from a checkout is the program `kerasmed`."""

from kerasmed.cli import main

if __name__ == "__main__":
    main()
