"""The house rules as functions: each takes one file as a `Source` and yields what is wrong with it."""
