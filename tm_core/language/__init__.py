"""What people write: text, times, values, filter expressions."""
