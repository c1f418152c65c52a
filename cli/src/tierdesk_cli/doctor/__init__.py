"""`tierdesk doctor`: what a desk needs, looked at one by one."""
