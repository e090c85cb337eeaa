"""What users set once: the settings, the file that keeps them, and the environment.

An option on the command line beats its environment variable, that beats the configuration file, and
that beats the default. The order itself is Typer's; this package says what each source holds. Only
the command line reads it: the library never looks at a user's file.
"""
