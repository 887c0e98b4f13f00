"""Filing place, number, page order and plan of volumes."""
