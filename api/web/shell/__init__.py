"""What all pages share: who is logged in, how a page is drawn, filters, scope."""
