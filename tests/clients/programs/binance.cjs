"use strict";
/* The npm package `binance`; the argument names the one of two versions. */

const { serve } = require("./serve.cjs");
const { USDMClient } = require(process.argv[2]);

const METHODS = {
  info: "getExchangeInfo",
  depth: "getOrderBook",
  new_order: "submitNewOrder",
  new_batch: "submitMultipleOrders",
  query_order: "getOrder",
  open_orders: "getAllOpenOrders",
  all_orders: "getAllOrders",
  cancel_order: "cancelOrder",
  cancel_batch: "cancelMultipleOrders",
  cancel_all: "cancelAllOpenOrders",
  modify_order: "modifyOrder",
  countdown: "setCancelOrdersOnTimeout",
  leverage: "setLeverage",
  balance: "getBalance",
  account: "getAccountInformation",
  positions: "getPositions",
  trades: "getAccountTrades",
  new_algo: "submitNewAlgoOrder",
  query_algo: "getAlgoOrder",
  open_algos: "getOpenAlgoOrders",
  cancel_algo: "cancelAlgoOrder",
  cancel_all_algos: "cancelAllAlgoOpenOrders",
};

function connect({ url, key, secret }) {
  const client = new USDMClient({ api_key: key, api_secret: secret, baseUrl: url });
  return (name, params) => client[METHODS[name]](name === "new_batch" ? params.batchOrders : params);
}

serve(connect, (error) => error.code);
