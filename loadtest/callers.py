"""Calls of one user, each recorded with its response."""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from locust.contrib.fasthttp import FastHttpSession

from loadtest.accounts import Account
from loadtest.outcome import Outcome
from loadtest.reader import LIMITED
from loadtest.record import Call, Recorder
from loadtest.signing import bearer, sign_futures, sign_spot

ORDERS: Final = "/api/v1/spot/orders"
HMAC_SHARE: Final = 0.5  # of spot calls are signed, the others use the token


class Caller:
    """Sends calls, records them, and reports them to locust."""

    def __init__(self, session: FastHttpSession, account: Account, recorder: Recorder, rnd: random.Random) -> None:
        self.account = account
        self.rnd = rnd
        self._session = session
        self._recorder = recorder

    def send(
        self, what: str, sent: Mapping[str, Any], method: str, target: str, headers: dict[str, str], body: bytes = b""
    ) -> Call:
        """Make a call; if the user is stopped meanwhile, the record has a call without a response."""
        call = Call(self.account.account, what, dict(sent), time.time(), 0.0, 0, None, interrupted=True)
        began, wait_s = time.perf_counter(), 0.0
        try:
            with self._session.request(
                method,
                target,
                name=what,
                data=body,  # type: ignore[arg-type]  # bytes pass unchanged
                headers=headers,
                catch_response=True,
            ) as response:
                call.status, call.interrupted = response.status_code, False
                if call.status:
                    wait_s = self._read(call, response.content or b"", response.headers)
                if call.outcome is Outcome.DECIDED and not call.fault:
                    response.success()
                else:
                    response.failure(call.fault or call.error or "no answer")
        finally:
            call.seconds = time.perf_counter() - began
            self._recorder.append(call)
        if call.status in LIMITED:
            time.sleep(wait_s)  # clients that ignore it are banned
        return call

    @staticmethod
    def _read(call: Call, content: bytes, headers: Mapping[str, str]) -> float:
        """Store the response in ``call``; returns the Retry-After delay in s."""
        try:
            call.body = msgspec.json.decode(content)
        except msgspec.DecodeError:
            call.body, call.fault = content.decode("utf-8", "replace")[:200], "the body is no JSON"
        wait = headers.get("Retry-After", "")
        if call.status in (503, *LIMITED) and not wait.isdigit():
            call.fault = "no Retry-After"
        return float(wait) if wait.isdigit() else 0.0


class SpotCaller(Caller):
    """With the token or with a signature, at random."""

    def place(self, sent: Mapping[str, Any]) -> Call:
        return self._call("place", "POST", ORDERS, sent, body=msgspec.json.encode(sent))

    def cancel(self, order_id: str) -> Call:
        """Cancel one order by its id."""
        return self._call("cancel", "DELETE", f"{ORDERS}/{order_id}", {"id": order_id})

    def cancel_by_client_id(self, symbol: str, client_id: str, order_id: str) -> Call:
        """Cancel one order by its client id; ``order_id`` is for the record."""
        path = f"{ORDERS}/by-client-id/{symbol}/{client_id}"
        return self._call("cancel_by_client_id", "DELETE", path, {"id": order_id})

    def cancel_all(self, symbol: str | None) -> Call:
        """Cancel everything, or everything on one market."""
        query = {"symbol": symbol} if symbol else {}
        return self._call("cancel_all", "DELETE", ORDERS, query, query=query)

    def balances(self) -> Call:
        """The account's balances."""
        return self._call("balances", "GET", "/api/v1/spot/balances", {})

    def orders(self, limit: int) -> Call:
        """The account's newest orders."""
        return self._call("orders", "GET", ORDERS, {}, query={"limit": limit})

    def _call(
        self,
        verb: str,
        method: str,
        path: str,
        sent: Mapping[str, Any],
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes = b"",
    ) -> Call:
        if self.rnd.random() < HMAC_SHARE:
            headers, text = sign_spot(self.account, query or {}, body)
        else:
            headers, text = bearer(self.account), urlencode(query or {})
        if body:
            headers["Content-Type"] = "application/json"
        return self.send(f"spot {verb}", sent, method, f"{path}?{text}" if text else path, headers, body)


class FuturesCaller(Caller):
    """Signed, with all parameters in the query."""

    def place(self, sent: Mapping[str, Any]) -> Call:
        return self._call("place", "POST", "/v1/order", sent)

    def place_batch(self, orders: Sequence[Mapping[str, Any]]) -> Call:
        """Place up to five orders."""
        return self._call("place_batch", "POST", "/v1/batchOrders", {"batchOrders": _json(orders)})

    def cancel(self, symbol: str, order_id: int) -> Call:
        """Cancel one order by its id."""
        return self._call("cancel", "DELETE", "/v1/order", {"symbol": symbol, "orderId": order_id})

    def cancel_batch(self, symbol: str, order_ids: Sequence[int]) -> Call:
        """Cancel up to ten orders of one market."""
        sent = {"symbol": symbol, "orderIdList": _json(order_ids)}
        return self._call("cancel_batch", "DELETE", "/v1/batchOrders", sent)

    def cancel_all(self, symbol: str) -> Call:
        """Cancel everything on one market."""
        return self._call("cancel_all", "DELETE", "/v1/allOpenOrders", {"symbol": symbol})

    def balance(self) -> Call:
        """The account's balance."""
        return self._call("balance", "GET", "/v2/balance", {})

    def orders(self, symbol: str, limit: int) -> Call:
        """The account's newest orders on one market."""
        return self._call("orders", "GET", "/v1/allOrders", {"symbol": symbol, "limit": limit})

    def _call(self, verb: str, method: str, path: str, sent: Mapping[str, Any]) -> Call:
        headers, query = sign_futures(self.account, sent)
        return self.send(f"futures {verb}", sent, method, f"/fapi{path}?{query}", headers)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
