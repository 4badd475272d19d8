"""Who may do what: tokens, signatures, keys, owners, limits."""

from typing import Final

from tests.safeties.safety import Safety

_TOKENS: Final = "tests/http/test_auth.py::"
_SIGNING: Final = "tests/http/test_signing.py::"
_FUTURES_AUTH: Final = "tests/http/futures/test_auth.py::"
_CONSTANT_TIME: Final = "tests/security/test_constant_time.py::test_secrets_are_compared_in_constant_time"

DOORS: Final = (
    Safety(
        "constant_time_signatures",
        "web/signing.py",
        "        matched = hmac.compare_digest(made, given)\n",
        "        matched = made == given\n",
        _CONSTANT_TIME,
    ),
    Safety(
        "constant_time_operator_key",
        "web/auth.py",
        "    if not hmac.compare_digest(given, expected) or not expected:\n",
        "    if given != expected or not expected:\n",
        _CONSTANT_TIME,
    ),
    Safety(
        "constant_time_order_ids",
        "shards/ids.py",
        "    return number if hmac.compare_digest(made, text.lower()) else None\n",
        "    return number if made == text.lower() else None\n",
        _CONSTANT_TIME,
    ),
    Safety(
        "tag_of_order_ids",
        "shards/ids.py",
        "    return number if hmac.compare_digest(made, text.lower()) else None\n",
        "    return number if made else None\n",
        "tests/unit/test_ids.py::test_one_flipped_bit_makes_it_unknown",
    ),
    Safety(
        "order_ids_are_no_trade_ids",
        "shards/ids.py",
        "digest_size=9, key=key, person=kind)",
        "digest_size=9, key=key)",
        "tests/unit/test_ids.py::test_another_key_or_kind_does_not_know_it",
    ),
    Safety(
        "token_algorithm_pinned",
        "web/tokens.py",
        "                algorithms=[self._algorithm],\n",
        '                algorithms=["HS256", "HS384", "HS512"],\n',
        _TOKENS + "test_refused_keys_and_algorithms",
    ),
    Safety(
        "token_exp_required",
        "web/tokens.py",
        """                options={"require": ["exp", "sub"], "verify_aud": False, "verify_iss": False},
            )
        except _FAULTS:
            return None
        if not self._is_bounded(claims["exp"]) or""",
        """                options={"require": ["sub"], "verify_aud": False, "verify_iss": False},
            )
        except _FAULTS:
            return None
        if not self._is_bounded(claims.setdefault("exp", 0)) or""",
        _TOKENS + "test_refused_claims",
    ),
    Safety(
        "token_lifetime_bound",
        "web/tokens.py",
        "        return expires <= time.time() + LIFETIME_S_MAX + LEEWAY_S\n",
        "        return True\n",
        _TOKENS + "test_refused_claims",
    ),
    Safety(
        "token_account_checked",
        "web/tokens.py",
        ' or not is_account(claims["sub"]):',
        ":",
        _TOKENS + "test_refused_claims",
    ),
    Safety(
        "token_remembered_until_its_end",
        "web/tokens.py",
        " and known[1] > time.time() - LEEWAY_S:",
        ":",
        _TOKENS + "test_a_token_that_is_remembered_ends_all_the_same",
    ),
    Safety(
        "token_kid_known",
        "web/tokens.py",
        '        return self._keys.get(header["kid"]) if "kid" in header else self._secret\n',
        '        return self._keys.get(header.get("kid"), self._secret)\n',
        _TOKENS + "test_refused_keys_and_algorithms",
    ),
    Safety(
        "token_length_bound",
        "web/tokens.py",
        "        if len(token) > LENGTH_MAX:\n",
        "        if False:\n",
        _TOKENS + "test_a_long_token_is_not_even_read",
    ),
    Safety(
        "short_secret_refused",
        "storage/folder.py",
        "    if len(secret.encode()) < least:\n",
        "    if False:\n",
        _TOKENS + "test_longer_digests_need_longer_secrets",
    ),
    Safety(
        "sample_secret_refused",
        "storage/folder.py",
        "    if any(sample in secret.lower() for sample in _SAMPLES) or len(set(secret)) < 8:\n",
        "    if False:\n",
        _TOKENS + "test_weak_secrets",
    ),
    Safety(
        "weak_secret_refused_by_the_folder",
        "storage/folder.py",
        "        if weakness is not None:\n",
        "        if False:\n",
        "tests/unit/test_folder.py::test_a_short_secret_is_refused",
    ),
    Safety(
        "key_file_is_the_owners_alone",
        "web/settings.py",
        "    if mode & 0o077:\n",
        "    if False:\n",
        _TOKENS + "test_malformed_key_files",
    ),
    Safety(
        "bad_key_file_keeps_the_keys",
        "web/settings.py",
        "        if path not in _good_keys:\n",
        "        if path in _good_keys:\n            return {}\n        if True:\n",
        _TOKENS + "test_malformed_key_files",
    ),
    Safety(
        "unknown_key_same_work",
        "web/signing.py",
        "    given = signature.lower()\n",
        "    if secret is None:\n        return False\n    given = signature.lower()\n",
        _SIGNING + "test_an_unknown_key_costs_the_same_work",
    ),
    Safety(
        "unknown_key_same_work_on_futures",
        "web/futures/auth.py",
        "    genuine = verify(found.secret if found else None, signed.query, signed.body, signed.signature)\n",
        "    genuine = found and verify(found.secret, signed.query, signed.body, signed.signature)\n",
        _FUTURES_AUTH + "test_an_unknown_key_costs_the_same_work",
    ),
    Safety(
        "unknown_key_never_verifies",
        "web/signing.py",
        "    return matched and secret is not None\n",
        "    return matched\n",
        _SIGNING + "test_unknown_key_never_verifies",
    ),
    Safety(
        "nothing_hidden_in_a_value",
        "web/signing.py",
        "    return decoded if pairs == _split(decoded) else None\n",
        "    return decoded\n",
        _SIGNING + "test_refuses",
    ),
    Safety(
        "signature_before_time_window",
        "web/futures/auth.py",
        """    genuine = verify(found""",
        """    _check_time(timestamp, asked.bounded("recvWindow", RECV_WINDOW_MS, 1, RECV_WINDOW_MS_MAX))
    genuine = verify(found""",
        _FUTURES_AUTH + "test_order_of_checks",
    ),
    Safety(
        "time_window_on_futures",
        "web/futures/auth.py",
        "    if now - timestamp > window_ms:\n",
        "    if False:\n",
        _FUTURES_AUTH + "test_time_window_to_the_millisecond",
    ),
    Safety(
        "time_window_on_spot",
        "web/auth.py",
        "timestamp is None or abs(now_ms() - timestamp) > WINDOW_MS:",
        "timestamp is None:",
        "tests/http/test_malformed.py::test_signature[1-shard-signatures:23]",
    ),
    Safety(
        "one_signature",
        "web/futures/auth.py",
        "    if len(signatures) > 1:\n",
        "    if False:\n",
        _FUTURES_AUTH + "test_signature_in_both_places",
    ),
    Safety(
        "permission_of_a_key",
        "web/auth.py",
        "    if permission not in principal.permissions:\n",
        "    if False:\n",
        "tests/http/test_keys.py::test_read_only[1-shard]",
    ),
    Safety(
        "permission_of_a_key_on_futures",
        "web/futures/auth.py",
        "    if permission not in found.permissions:\n",
        "    if False:\n",
        _FUTURES_AUTH + "test_order_of_checks",
    ),
    Safety(
        "keys_do_not_manage_keys",
        "web/auth.py",
        "    if principal.by_key:\n",
        "    if False:\n",
        "tests/http/test_keys.py::test_keys_do_not_manage_keys[1-shard]",
    ),
    Safety(
        "operator_key_on_every_route",
        "web/admin.py",
        "blueprint.before_request(require_operator)\n",
        "blueprint.before_request(lambda: None)\n",
        "tests/http/test_ownership.py::test_ownership[1-shard-GET /api/v1/admin/shards]",
    ),
    Safety(
        "no_operator_key_opens_nothing",
        "web/auth.py",
        "    if not hmac.compare_digest(given, expected) or not expected:\n",
        "    if not hmac.compare_digest(given, expected):\n",
        "tests/security/test_constant_time.py::test_without_an_operator_key_nobody_is_the_operator",
    ),
    Safety(
        "owner_of_a_queried_order",
        "web/spot_orders.py",
        "    if order is None or order.account != principal.account:\n",
        "    if order is None:\n",
        "tests/http/test_ownership.py::test_ownership[1-shard-GET /api/v1/spot/orders/<text>]",
    ),
    Safety(
        "owner_of_a_queried_futures_order",
        "web/futures/queries.py",
        "    return order if order is not None and order.account == account else None\n",
        "    return order\n",
        "tests/http/futures/test_queries.py::test_whose_and_where[1-shard-archived]",
    ),
    Safety(
        "owner_of_an_archived_order_canceled",
        "web/spot_orders.py",
        "    return order is not None and order.account != principal.account\n",
        "    return False\n",
        "tests/http/test_refusals.py::test_refusal[1-shard-cancel_one:38]",
    ),
    Safety(
        "owner_of_a_trigger",
        "web/futures/cancel_one.py",
        "    if order.account != account:\n",
        "    if False:\n",
        "tests/http/futures/test_ownership.py::"
        "test_ownership[1-shard-DELETE /fapi/v1/order symbol={market}&orderId={trigger}]",
    ),
    Safety(
        "owner_of_a_revoked_key",
        "storage/reference.py",
        'WHERE key = ? AND account = ?", (key, account))',
        'WHERE key = ?", (key,))',
        "tests/http/test_keys.py::test_of_others[1-shard]",
    ),
    Safety(
        "limits_across_workers",
        "web/futures/tables.py",
        "        return [self.own, *self._others.values()]\n",
        "        return [self.own]\n",
        "tests/http/futures/test_budget.py::test_two_workers",
    ),
    Safety(
        "limits_count_before_they_look",
        "web/futures/budget.py",
        "        if not amount or used <= amount_max:\n",
        "        if True:\n",
        "tests/http/futures/test_budget.py::test_one_worker",
    ),
    Safety(
        "going_on_is_banned",
        "web/futures/budget.py",
        "        self._tables.own.set_ban(tag, Ban(_ms(now_s + length_s), level))\n",
        "",
        "tests/http/futures/test_budget.py::test_going_on_is_banned",
    ),
    Safety(
        "strangers_forward_nothing",
        "web/futures/address.py",
        "        if not _is_in(found, trusted) or _read(text.strip()) is None:\n",
        "        if _read(text.strip()) is None:\n",
        "tests/http/futures/test_budget.py::test_address",
    ),
    Safety(
        "trading_switch",
        "web/spot_orders.py",
        "    if not catalog.spot_trading:\n",
        "    if False:\n",
        "tests/http/test_operator_api.py::test_trading_switch[1-shard]",
    ),
    Safety(
        "secrets_encrypted_at_rest",
        "storage/reference.py",
        "self._fernet.encrypt(made.secret))",
        "made.secret)",
        "tests/http/test_reference.py::test_secrets_are_not_readable",
    ),
    Safety(
        "key_count_bound",
        "storage/reference.py",
        "            if count >= count_max:\n",
        "            if False:\n",
        "tests/http/test_reference.py::test_key_count_is_bounded",
    ),
)
