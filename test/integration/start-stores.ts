/**
 * Starts every store that tests run against, says where each listens, and keeps them until it is told to stop (Ctrl-C); their data is gone then.
 * Run: `npm run stores`, after test/integration/setup.
 */
import { Stores } from "./stores.ts";

const stores = await Stores.start();
for (const [name, address] of Object.entries(stores.addresses)) {
  process.stdout.write(`${name.padEnd(16)} ${address}\n`);
}
await new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
});
await stores.remove();
