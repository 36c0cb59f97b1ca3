"""Floor 6: which candidate, which slot, which attempt. `dispatch` alone performs an upstream attempt."""
