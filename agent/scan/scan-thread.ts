/** The module of the threads on which `scan` counts. */
import { keepCompiledCode } from "../../shared/platform/start-lean.ts";

keepCompiledCode();
// Imported only now, so that what it loads is kept as compiled code, too.
const { countInThread } = await import("./count-in-thread.ts");
await countInThread();
