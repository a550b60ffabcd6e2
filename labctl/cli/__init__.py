"""The command line: one file per command or family of commands, imported when it is called."""
