import { describe, expect, it } from "vitest";
import { systemFault, systemReason } from "../../../shared/errors.ts";

const failure = (code: string) => Object.assign(new Error(`${code}: open '/x'`), { code });

describe("what the system refuses", () => {
  it.each([
    ["ENOENT", "ENOENT: there is no such file or folder"],
    ["EACCES", "EACCES: this user may not"],
    ["EADDRINUSE", "EADDRINUSE: another process listens there; `ss -ltnp` shows which"],
    ["EMFILE", "EMFILE"],
  ])("is told with %s and what it means", (code, text) => {
    expect(systemReason(failure(code))).toBe(text);
  });

  it("is told with its path, and nothing else is", () => {
    const refused = Object.assign(failure("EACCES"), { syscall: "stat", path: "/x" });
    expect(systemFault(refused)).toBe("/x: EACCES: this user may not");
    expect(systemFault(failure("ERR_ASSERTION"))).toBeUndefined();
  });

  it("is told by its message when there is no code", () => {
    expect(systemReason(new Error("odd"))).toBe("odd");
    expect(systemReason("odd")).toBe("odd");
  });
});
