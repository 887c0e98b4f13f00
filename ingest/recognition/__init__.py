"""Reading scanned pages by OCR."""
