"""档案统计: figures."""
