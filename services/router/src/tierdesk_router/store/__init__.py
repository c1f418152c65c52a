"""The router's tables; all of its SQL stands here."""
