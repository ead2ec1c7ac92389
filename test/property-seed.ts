/**
 * Property tests draw the same cases on every run, so that a change is judged by what it changes. Long runs (`TAILRACE_LONG`) draw new ones;
 * what they find leaves an example beside its property. `PROPERTY_SEED` draws those of a seed.
 */
import fc from "fast-check";

const SEED = 20_261_126;
const chosen = process.env["PROPERTY_SEED"];
const isLong = (process.env["TAILRACE_LONG"] ?? "") !== "";

if (chosen !== undefined) fc.configureGlobal({ seed: Number(chosen) });
else if (!isLong) fc.configureGlobal({ seed: SEED });
