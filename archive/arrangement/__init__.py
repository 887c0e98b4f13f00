"""Where a volume is filed, its number, the order of its pages, and the plan of its contents."""
