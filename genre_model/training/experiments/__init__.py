"""The paper's questions as experiments: their conditions, protocol, tables and figures."""
