"""The paper's questions as experiments: what is trained, the protocol, tables and figures."""
