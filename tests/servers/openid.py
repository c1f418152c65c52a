"""An OpenID provider on real HTTP: discovery, keys, authorization code with PKCE, tokens that it signs, and what a test breaks.

It is strict where providers are: a code is good for once, for this client, this way back and this verifier.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

CLIENT = "tierdesk"
SECRET = "a secret & a half"

Claims = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


class OpenIdProvider:
    """Answers on a free port of 127.0.0.1. `person` is who is signed in there; what a test sets is asked for anew each time."""

    def __init__(self, returns_to: str) -> None:
        self.returns_to = returns_to
        self.person: Claims = {}
        self.userinfo: Claims = {}
        self.keys: list[Key] = [new_key("first")]
        self.metadata: Claims = {}
        self.sign: Callable[[Claims], str] = self.sign_well
        self.change: Callable[[Claims], Claims] = lambda claims: claims
        self.answers: dict[str, Callable[[], Answer | None]] = {}
        """By path: what is answered instead; None is no answer at all."""
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def issuer(self) -> str:
        """Its name, which is where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def sign_well(self, claims: Claims) -> str:
        """As it should be: with the newest key, by that key's algorithm."""
        return sign(claims, self.keys[-1])

    def logout_token(self, **claims: Any) -> str:
        """What it sends to the desk when somebody signs out here."""
        now = int(time.time())
        event: Claims = {"http://schemas.openid.net/event/backchannel-logout": {}}
        told = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "jti": f"j{time.time_ns()}",
            "events": event,
        }
        return self.sign(told | claims)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """What is answered to a request."""
        parts = urlsplit(target)
        self.asked.append(parts.path)
        if parts.path in self.answers:
            return self.answers[parts.path]()
        form = {name: values[0] for name, values in parse_qs(body.decode() if body else parts.query).items()}
        match method, parts.path:
            case "GET", "/authorize":
                return self._authorize(form)
            case "POST", "/token":
                return self._redeem(form, headers)
            case "GET", "/userinfo" if headers.get("authorization") != "Bearer the-access-token":
                return _json({}, 401)
            case "GET", path if path in (documents := self._documents()):
                return _json(documents[path])
        return _json({}, 404)

    def _documents(self) -> dict[str, Claims]:
        keys = [key.as_dict(private=False) for key in self.keys]
        return {
            "/.well-known/openid-configuration": self.document(),
            "/keys": {"keys": [*keys, {"kty": "OKP", "crv": "one that is yet to come"}]},
            "/userinfo": self.userinfo,
        }

    def document(self) -> Claims:
        """Its metadata."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/sign-out?at=all",
        } | self.metadata

    def _authorize(self, form: dict[str, str]) -> Answer:
        expected = {"client_id": CLIENT, "redirect_uri": self.returns_to, "response_type": "code"}
        if (
            any(form.get(name) != value for name, value in expected.items())
            or form.get("code_challenge_method") != "S256"
        ):
            return _json({"error": "invalid_request"}, 400)
        code = f"code-{len(self._codes)}"
        self._codes[code] = form
        back = {"code": code, "state": form["state"], "iss": self.issuer}
        return 302, {"Location": f"{self.returns_to}?{urlencode(back)}"}, b""

    def _redeem(self, form: dict[str, str], headers: dict[str, str]) -> Answer:
        pair = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        told = tuple(unquote_plus(part) for part in pair.split(":"))
        if self.metadata.get("token_endpoint_auth_methods_supported") == ["client_secret_post"]:
            told = (form.get("client_id", ""), form.get("client_secret", "")) if not pair else ()
        if told != (CLIENT, SECRET):
            return _json({"error": "invalid_client"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or form.get("redirect_uri") != asked["redirect_uri"]
            or base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return _json({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        token = self.sign(self.change(claims | self.person))
        return _json({"id_token": token, "access_token": "the-access-token", "token_type": "Bearer", "expires_in": 300})


def new_key(kid: str, *, rsa: bool = False) -> Key:
    """A key pair."""
    return RSAKey.generate_key(2048, {"kid": kid}) if rsa else ECKey.generate_key("P-256", {"kid": kid})


def sign(claims: Claims, key: Key, **header: Any) -> str:
    """A token of these claims, signed by this key. `header` changes its header; None takes a field away."""
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    fields = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | header
    registry = _Lenient(algorithms=[algorithm])
    kept = {name: value for name, value in fields.items() if value is not None}
    return jws.serialize_compact(kept, json.dumps(claims), key, registry=registry)


def _json(document: object, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


class _Lenient(jws.JWSRegistry):
    def check_header(self, header: Mapping[str, Any]) -> None:
        """Whatever a test wants stands there."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, provider: OpenIdProvider) -> None:
        self.provider = provider
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.provider.answer(self.command, self.path, headers, body)
        if answer is None:
            self.close_connection = True
            return
        status, told, content = answer
        self.send_response(status)
        for name, value in told.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - named as the base class asks

    def log_message(self, *_: object) -> None:
        """Nothing."""
