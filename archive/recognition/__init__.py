"""The queue of pages to be read by OCR, and their texts."""
