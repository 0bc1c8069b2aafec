"""The same semantics compiled: a byte-code interpreter that steps many lanes at once."""
