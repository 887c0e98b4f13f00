"""Recognition of scanned pages by OCR."""
