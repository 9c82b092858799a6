"""What answers each RPC: convert, call, convert. Errors are raised and become statuses at the boundary."""
