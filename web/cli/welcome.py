"""What `make run` shows when the exchange is ready."""

from collections.abc import Mapping
from typing import Final

from shards.folder import Folder
from web.cli.demo import Demo


def describe(folder: Folder, url: str, demo: Demo | None) -> str:
    """The text to show: credentials, and commands that place and cancel a first order."""
    if demo is None:
        return f"\nShardex is ready at {url}. The operator API is off, so there is no demo.\n"
    lines = [
        "",
        f"Shardex is ready at {url}; its data is in {folder.path}, the credentials below in {folder.demo}.",
        "",
    ]
    for account in demo.accounts:
        lines += [
            f"  {account.id}",
            f"    token       {account.jwt}",
            f"    API key     {account.api_key}",
            f"    API secret  {account.api_secret}",
        ]
    lines += ["  operator", f"    X-API-Key   {demo.admin_key}"]
    first = demo.accounts[0]
    filled = {"@URL@": url, "@JWT@": first.jwt, "@KEY@": first.api_key, "@SECRET@": first.api_secret}
    return "\n".join([*lines, _fill(_EXAMPLES, filled), "Press Ctrl-C to stop.", ""])


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


_EXAMPLES: Final = r"""
Place an order and cancel it, with the token:

URL=@URL@ JWT=@JWT@
PLACED=$(curl -s -X POST "$URL/api/v1/spot/orders" -H "Authorization: Bearer $JWT" \
  -H "Content-Type: application/json" \
  -d '{"symbol":"DFUSDT","side":"buy","type":"limit","price":"0.5000","quantity":"100"}'); echo "$PLACED"
ID=$(echo "$PLACED" | sed 's/^{"id":"\([^"]*\).*/\1/')
curl -s -X DELETE "$URL/api/v1/spot/orders/$ID" -H "Authorization: Bearer $JWT"; echo

The same with the API key:

URL=@URL@ KEY=@KEY@
SECRET=@SECRET@
sign() { printf %s "$1" | openssl dgst -sha256 -hmac "$SECRET" | awk '{print $NF}'; }
BODY='{"symbol":"DFUSDT","side":"buy","type":"limit","price":"0.5000","quantity":"100"}' Q="timestamp=$(date +%s)000"
PLACED=$(curl -s -X POST "$URL/api/v1/spot/orders?$Q&signature=$(sign "$Q$BODY")" -H "X-MBX-APIKEY: $KEY" \
  -H "Content-Type: application/json" -d "$BODY"); echo "$PLACED"
ID=$(echo "$PLACED" | sed 's/^{"id":"\([^"]*\).*/\1/') Q="timestamp=$(date +%s)000"
curl -s -X DELETE "$URL/api/v1/spot/orders/$ID?$Q&signature=$(sign "$Q")" -H "X-MBX-APIKEY: $KEY"; echo
"""
