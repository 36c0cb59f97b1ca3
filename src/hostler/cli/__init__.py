"""The command line: declarations that load in milliseconds, and below `work` what the commands do."""
