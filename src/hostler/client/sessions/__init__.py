"""Conversations kept as trees: records, tables, search, export and import. Asks no model and serves no page."""
