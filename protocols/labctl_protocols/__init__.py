"""The experiment: quantities, cell record, protocol language, engine, metal ledger and figures."""
