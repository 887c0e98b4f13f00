"""档案整理: checks, compiling, jobs."""
