"""The review as a local web page: server, routes, guard, pictures."""
