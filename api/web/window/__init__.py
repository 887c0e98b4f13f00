"""户籍窗口: what is at the window, one case, opening, grants, the flow."""
