"""The command line: options in, library called, results printed."""
