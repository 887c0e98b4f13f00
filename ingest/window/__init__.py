"""户籍窗口: a case from application to issue; what it closes goes through the one intake."""
