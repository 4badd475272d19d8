"use strict";
/* Binance's modular SDK, @binance/derivatives-trading-usds-futures. */

const { serve } = require("./serve.cjs");
const { DerivativesTradingUsdsFutures } = require("@binance/derivatives-trading-usds-futures");

const METHODS = {
  info: "exchangeInformation",
  depth: "orderBook",
  new_order: "newOrder",
  new_batch: "placeMultipleOrders",
  query_order: "queryOrder",
  open_orders: "currentAllOpenOrders",
  all_orders: "allOrders",
  cancel_order: "cancelOrder",
  cancel_batch: "cancelMultipleOrders",
  cancel_all: "cancelAllOpenOrders",
  modify_order: "modifyOrder",
  countdown: "autoCancelAllOpenOrders",
  leverage: "changeInitialLeverage",
  balance: "futuresAccountBalanceV3",
  account: "accountInformationV3",
  positions: "positionInformationV3",
  trades: "accountTradeList",
  new_algo: "newAlgoOrder",
  query_algo: "queryAlgoOrder",
  open_algos: "currentAllAlgoOpenOrders",
  cancel_algo: "cancelAlgoOrder",
  cancel_all_algos: "cancelAllAlgoOpenOrders",
};

function connect({ url, key, secret }) {
  // a POST that took more than its default of one second would be an unknown outcome: a slow machine is no fault
  const settings = { apiKey: key, apiSecret: secret, basePath: url, timeout: 15_000 };
  const api = new DerivativesTradingUsdsFutures({ configurationRestAPI: settings }).restAPI;
  return async (name, params) => (await api[METHODS[name]](params)).data();
}

serve(connect, (error) => error.code);
