"""A verb from start to end; each reads like the table in ARCHITECTURE section 1."""
