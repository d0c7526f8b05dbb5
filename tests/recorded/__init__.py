"""Bodies as real programs send them, written down once: each file says how."""
