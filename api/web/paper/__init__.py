"""档案保管: the pages of the paper of the transition."""
