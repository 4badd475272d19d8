"use strict";
/* ccxt's unified calls for binanceusdm, asked and told in the API's own words. */

const { serve } = require("./serve.cjs");
const ccxt = require("ccxt");

const STATUS = { open: "NEW", closed: "FILLED", canceled: "CANCELED", expired: "EXPIRED" };
const ALGO = { trigger: true };

/* A method for each call. */
class Unified {
  constructor(api) {
    this.api = api;
  }

  unified(symbol) {
    return this.api.safeSymbol(symbol, undefined, undefined, "swap");
  }

  /* The filters as ccxt took them from the market's. */
  info() {
    const symbols = Object.values(this.api.markets).map(({ id, precision }) => ({
      symbol: id,
      filters: [
        { filterType: "PRICE_FILTER", tickSize: precision.price },
        { filterType: "LOT_SIZE", stepSize: precision.amount },
      ],
    }));
    return { symbols };
  }

  depth({ symbol }) {
    return this.api.fetchOrderBook(this.unified(symbol));
  }

  async new_order({ symbol, side, type, quantity, price, ...params }) {
    const unified = [this.unified(symbol), type, side.toLowerCase(), quantity, price];
    return order(await this.api.createOrder(...unified, params));
  }

  new_algo(params) {
    return this.new_order(params); // createOrder finds out by the type
  }

  async new_batch({ batchOrders }) {
    const orders = batchOrders.map(({ symbol, side, type, quantity, price, newClientOrderId }) => ({
      symbol: this.unified(symbol),
      side: side.toLowerCase(),
      type,
      amount: quantity,
      price,
      params: { newClientOrderId },
    }));
    return (await this.api.createOrders(orders)).map(order);
  }

  async query_order({ symbol, orderId = "", ...params }) {
    return order(await this.api.fetchOrder(String(orderId), this.unified(symbol), params));
  }

  query_algo({ algoId, ...params }) {
    return this.query_order({ orderId: algoId, ...params, ...ALGO });
  }

  async open_orders({ symbol, ...params }) {
    return (await this.api.fetchOpenOrders(this.unified(symbol), undefined, undefined, params)).map(order);
  }

  open_algos(params) {
    return this.open_orders({ ...params, ...ALGO });
  }

  async all_orders({ symbol }) {
    return (await this.api.fetchOrders(this.unified(symbol))).map(order);
  }

  async cancel_order({ symbol, orderId = "", ...params }) {
    return order(await this.api.cancelOrder(String(orderId), this.unified(symbol), params));
  }

  cancel_algo({ algoId, ...params }) {
    return this.cancel_order({ orderId: algoId, ...params, ...ALGO });
  }

  async cancel_batch({ symbol, orderIdList = [], ...params }) {
    return (await this.api.cancelOrders(orderIdList.map(String), this.unified(symbol), params)).map(order);
  }

  async cancel_all({ symbol, ...params }) {
    await this.api.cancelAllOrders(this.unified(symbol), params);
  }

  cancel_all_algos(params) {
    return this.cancel_all({ ...params, ...ALGO });
  }

  async modify_order({ symbol, orderId, side, quantity, price }) {
    const unified = [String(orderId), this.unified(symbol), "limit", side.toLowerCase(), quantity, price];
    return order(await this.api.editOrder(...unified));
  }

  countdown(params) {
    return this.api.fapiPrivatePostCountdownCancelAll(params); // nothing unified does it
  }

  leverage({ symbol, leverage }) {
    return this.api.setLeverage(leverage, this.unified(symbol));
  }

  async balance() {
    const { total, free } = (await this.api.fetchBalance()).USDT;
    return [{ asset: "USDT", balance: total, availableBalance: free }];
  }

  async positions({ symbol }) {
    return (await this.api.fetchPositions([this.unified(symbol)])).map((each) => ({
      symbol,
      positionAmt: each.side === "long" ? each.contracts : -each.contracts,
      entryPrice: each.entryPrice,
      unRealizedProfit: each.unrealizedPnl,
      initialMargin: each.initialMargin,
    }));
  }

  async trades({ symbol }) {
    return (await this.api.fetchMyTrades(this.unified(symbol))).map((each) => ({
      orderId: Number(each.order),
      price: each.price,
      qty: each.amount,
      commission: each.fee.cost,
      maker: each.takerOrMaker === "maker",
    }));
  }
}

function order(unified) {
  if (unified.id === undefined) return { code: Number(unified.info.code) }; // of a batch
  return {
    orderId: Number(unified.id),
    clientOrderId: unified.clientOrderId,
    status: STATUS[unified.status],
    side: unified.side?.toUpperCase(),
    price: unified.price,
    origQty: unified.amount,
    executedQty: unified.filled,
    stopPrice: unified.triggerPrice,
  };
}

async function connect({ url, key, secret }) {
  const api = new ccxt.binanceusdm({ apiKey: key, secret, options: { fetchCurrencies: false } });
  for (const [name, old] of Object.entries(api.urls.api)) {
    api.urls.api[name] = old.replace("https://fapi.binance.com", url);
  }
  await api.loadMarkets();
  const unified = new Unified(api);
  return (name, params) => unified[name](params);
}

/* The exchange's own code, which ccxt keeps in the text. */
function codeOf(error) {
  const found = /"code":(-\d+)/.exec(String(error));
  return found ? Number(found[1]) : null;
}

serve(connect, codeOf);
