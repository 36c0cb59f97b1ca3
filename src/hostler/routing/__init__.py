"""Floor 6: which candidate, which slot, which attempt. `dispatch` is the one place that performs an upstream attempt."""
