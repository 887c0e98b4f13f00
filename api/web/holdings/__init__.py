"""档案查询: search, volumes and reading."""
