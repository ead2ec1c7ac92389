import { describe, expect, it } from "vitest";
import { compileRedaction } from "../../../../shared/redaction/compile-redaction.ts";
import { redactionConfig } from "../../../../shared/redaction/redaction-config.ts";
import { REDACTOR_NONE } from "../../../../shared/redaction/redactor.ts";

function redactorOf(config: object) {
  return compileRedaction(redactionConfig.parse(config));
}

const CARD = "4111 1111 1111 1111";

describe("redaction", () => {
  it("masks by default, and finds what no store of logs needs", () => {
    const redactor = redactorOf({});
    expect(redactor.redact(`paid ${CARD}, password=hunter2, from ann@example.com`)).toBe(
      "paid [card], password=[credential], from ann@example.com",
    );
    expect(redactor.isActive).toBe(true);
  });

  it("hashes with a key: the same for the same secret, whatever way it is written", () => {
    const hashed = redactorOf({ action: "hash", key: "k" });
    const other = redactorOf({ action: "hash", key: "l" });
    const text = hashed.redact(`a ${CARD} b 4111111111111111`) ?? "";
    const [, first, second] = /^a (\[card:[a-p]{16}\]) b (\[card:[a-p]{16}\])$/.exec(text) ?? [];
    expect(first).toBeDefined();
    expect(second).toBe(first);
    expect(other.redact(CARD)).not.toBe(hashed.redact(CARD));
  });

  it("drops the text, the field or the value that holds one", () => {
    const redactor = redactorOf({ detectors: [{ name: "card", action: "drop" }, "credential"] });
    expect(redactor.redact(`x ${CARD}`)).toBeUndefined();
    expect(redactor.redact("password=hunter2")).toBe("password=[credential]");
    expect(redactor.redactField("", { a: CARD, b: [CARD, 1], c: { d: "x" } })).toEqual({
      b: [null, 1],
      c: { d: "x" },
    });
    expect(redactor.redact(`{"a":"\\u0034111 1111 1111 1111"}`)).toBeUndefined();
  });

  it("drops a text with a list of secrets, however its characters are written", () => {
    const redactor = redactorOf({ action: "drop" });
    for (const secret of ["hunter2", "hunter\\\\2"]) {
      expect(redactor.redact(`{"password":["${secret}"],"m":"x"}`)).toBeUndefined();
    }
  });

  it("looks at values within each other only so deep, however deep they are", () => {
    const text = `{"m":"\\n","a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
    for (const action of ["drop", "mask"]) {
      expect(redactorOf({ action }).redact(text)).toMatch(/^\{"m":"\\n","a":\[+(?:null)?\]+\}$/);
    }
  });

  it("finds what stands in a line of JSON and in no value of it", () => {
    const redactor = redactorOf({});
    const twice = `{"m":"\\n","password":"hunter2","password":""}`;
    expect(redactor.redact(twice)).not.toContain("hunter2");
    const long = `{"m":"\\n","n":6011000000000000001}`;
    expect(redactor.redact(long)).toBe(`{"m":"\\n","n":[card]}`);
  });

  it("leaves no half of a web token where a long text is cut", () => {
    const redactor = redactorOf({});
    const token = `eyJ${"a".repeat(9000)}.${"b".repeat(9000)}.c`;
    expect(redactor.redactStart(`${"word ".repeat(200)}${token}`, 512)).toBe("word ".repeat(72));
  });

  it("finds own patterns first, as a whole or their group", () => {
    const patterns = [
      { name: "employee", pattern: "EMP-(?<secret>\\d{6})" },
      { name: "room", pattern: "room \\d+" },
    ];
    const redactor = redactorOf({ detectors: [], patterns });
    expect(redactor.redact("EMP-123456 in room 12")).toBe("EMP-[employee] in [room]");
  });

  it("of nothing leaves everything as it is", () => {
    expect(redactorOf({ detectors: [] })).toBe(REDACTOR_NONE);
    expect(REDACTOR_NONE.redact(CARD)).toBe(CARD);
    expect(REDACTOR_NONE.redactField("password", "x")).toBe("x");
  });
});

describe("a value", () => {
  const redactor = redactorOf({});

  it("of a field whose name says so is a secret as a whole", () => {
    const value = { password: "a b c", db_passwd: 1234, "x.api-key": "k", userId: 7, token: "t-1" };
    expect(redactor.redactField("", value)).toEqual({
      password: "[credential]",
      db_passwd: "[credential]",
      "x.api-key": "[credential]",
      userId: 7,
      token: "[credential]",
    });
    const more = {
      ...{ tokens: 512, token: "refresh", accessToken: "a.b", credentials: ["x1", "y2"] },
      ...{ cookie: ["a=1", "b"], JSESSIONID: "x", secret: 123456789, sessionId: "s-1" },
    };
    expect(redactor.redactField("", more)).toEqual({
      ...{ tokens: 512, token: "refresh", accessToken: "[credential]" },
      credentials: ["[credential]", "[credential]"],
      ...{ cookie: ["[cookie]", "[cookie]"], JSESSIONID: "[cookie]" },
      ...{ secret: "[credential]", sessionId: "s-1" },
    });
    const all = redactorOf({ detectors: ["session_id"] });
    expect(all.redactField("", more)).toMatchObject({
      sessionId: "[session_id]",
      cookie: ["a=1", "b"],
    });
  });

  it("of any kind is looked into: numbers, lists, names", () => {
    const value = { n: 4111111111111111, l: [[CARD]], [CARD]: true, no: null, yes: 12.5 };
    expect(redactor.redactField("", value)).toEqual({
      n: "[card]",
      l: [["[card]"]],
      "[card]": true,
      no: null,
      yes: 12.5,
    });
  });

  it("deeper than anything sensible does not leave", () => {
    let value: unknown = CARD;
    for (let depth = 0; depth < 40; depth++) value = { deep: value };
    expect(JSON.stringify(redactor.redactField("", value))).not.toContain("4111");
  });
});

describe("a line", () => {
  const redactor = redactorOf({});

  it.each([
    '{"m":"\\u0034111 1111 1111 1111","x":"\\""}',
    '{"m":"postgres:\\/\\/u:hunter2@db"}',
    '{"a":{"password":"hun\\"ter2"}}',
    '{"m":"say \\"password=hunter2\\""}',
    'key=4111\\u00201111\\u00201111\\u00201111 {"',
    '{"cut":"\\u0070assword=hunter2',
  ])("hides nothing behind escapes: %s", (line) => {
    const redacted = redactor.redact(line) ?? "";
    expect(redacted).not.toMatch(/1111|hunter2|ter2/);
    expect(redacted).toMatch(/\[(?:card|credential|url_password)\]/);
  });

  it("that holds none keeps its bytes, escapes and all", () => {
    for (const line of ['{"a" : "b\\n"}', "C:\\temp\\x", '{"a":"\\u00fc \\" \\\\"']) {
      expect(redactor.redact(line)).toBe(line);
    }
  });

  it("is cut so that no half of a secret is left", () => {
    for (let before = 15_900; before <= 16_400; before += 7) {
      const line = `${"x ".repeat(before / 2)}password=${"hunter2".repeat(30)}`;
      expect(redactor.redactStart(line, 1024)).toBe("x ".repeat(512));
    }
    const line = `${CARD} `.repeat(900);
    expect(redactor.redactStart(line, 1024)).not.toMatch(/\d/);
    expect(redactor.redactStart("short", 1024)).toBe("short");
  });
});

describe("the configuration of redaction", () => {
  it.each([
    [{ action: "hash" }, "expected a key"],
    [{ detectors: [{ name: "card", action: "hash" }] }, "expected a key"],
    [{ detectors: ["cards"] }, "detectors"],
    [{ patterns: [{ name: "x", pattern: "(" }] }, "expected a regular expression"],
    [{ patterns: [{ name: "x", pattern: "a*" }] }, "does not match nothing"],
    [{ patterns: [{ name: "x", pattern: "(a+)+b" }] }, "repetition of a repetition"],
    [{ patterns: [{ name: "X", pattern: "a" }] }, "small letters"],
  ])("refuses %j", (config, message) => {
    const { error } = redactionConfig.safeParse(config);
    expect(JSON.stringify(error?.issues)).toContain(message);
  });
});
