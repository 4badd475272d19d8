"use strict";
/* What the Node programs share: calls come in, one a line, and what came of each goes out. */

const readline = require("node:readline");

/* This program's clock may be set ahead; what a client does about time it does with that. To be required before it. */
const now = Date.now;
let aheadMs = 0;
Date.now = () => now() + aheadMs;

console.log = console.info = console.debug = console.error; // what a client prints is no answer

/* `connect({url, key, secret})` gives what makes a call by name; `codeOf` reads the code of what it threw. */
exports.serve = async function serve(connect, codeOf) {
  let call;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    aheadMs = 1000 * asked.clock_s;
    let told;
    try {
      let result = null;
      if (asked.name === "connect") call = await connect(asked.params);
      else result = await call(asked.name, asked.params);
      told = { result: result ?? null };
    } catch (error) {
      told = { raised: error?.constructor?.name, code: codeOf(error) ?? null, text: describe(error) };
    }
    process.stdout.write(JSON.stringify(told) + "\n");
  }
  process.exit(0); // whatever timers a client keeps
};

function describe(error) {
  return error instanceof Error ? String(error.stack) : JSON.stringify(error);
}
