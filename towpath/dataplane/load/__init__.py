"""Loading: a part of a dataset goes into a destination once, together with the ledger row that says so."""
