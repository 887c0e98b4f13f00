"""The distributed mode natively on one machine."""
