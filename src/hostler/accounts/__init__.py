"""Floor 5: who may ask, and what each request was and cost. Knows keys and the ledger; not routing, not HTTP."""
