"""OpenID providers, asked over HTTP."""
