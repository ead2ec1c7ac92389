import { expect, it } from "vitest";
import { openKernel } from "../../../../agent/kernel/kernel-module.ts";

it("opens kernels that share their code and have memories of their own", () => {
  const left = openKernel();
  const right = openKernel();
  expect(left.memory).not.toBe(right.memory);
  expect(left.call.slots()).toBe(0);
  expect(left.memory.byteLength).toBeLessThanOrEqual(8 * 1024 * 1024);
});

it("says which command builds a kernel that is not there", () => {
  const nowhere = new URL("absent.wasm", import.meta.url);
  expect(() => openKernel(nowhere)).toThrow(/absent\.wasm.*npm run build:kernel/);
});
