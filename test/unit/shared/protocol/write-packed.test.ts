import fc from "fast-check";
import { expect, it } from "vitest";
import { BYTES, createWriter, finish, tag } from "../../../../shared/protocol/wire.ts";
import { type PackedKind, writePacked } from "../../../../shared/protocol/write-packed.ts";

const FIELD = 13;

/** The same field by protobufjs' own writer. */
function written(kind: PackedKind, values: readonly number[]): Buffer {
  const writer = createWriter();
  writer.uint32(tag(FIELD, BYTES)).fork();
  for (const value of values) writer[kind](value);
  return finish(writer.ldelim());
}

function packed(kind: PackedKind, values: readonly number[]): Buffer {
  const writer = createWriter();
  writePacked(writer, FIELD, kind, values);
  return finish(writer);
}

/** Numbers of every length, and those at its limits. */
function numbersTo(max: number): fc.Arbitrary<number> {
  const lengths = Array.from({ length: 53 }, (_, bits) => 2 ** (bits + 1) - 1);
  const limits = lengths.flatMap((limit) => [limit, limit + 1]).filter((limit) => limit <= max);
  return fc.oneof(
    fc.nat(300),
    fc.constantFrom(...limits),
    fc.maxSafeNat().map((n) => n % max),
  );
}

function signed(numbers: fc.Arbitrary<number>): fc.Arbitrary<number> {
  return fc.tuple(numbers, fc.boolean()).map(([value, isBelow]) => (isBelow ? -1 - value : value));
}

const kinds: Readonly<Record<PackedKind, fc.Arbitrary<number>>> = {
  uint32: numbersTo(2 ** 32 - 1),
  uint64: numbersTo(Number.MAX_SAFE_INTEGER),
  sint32: signed(numbersTo(2 ** 31 - 1)),
  sint64: signed(numbersTo(Number.MAX_SAFE_INTEGER - 1)),
  double: fc.double(),
};

it.each(["uint32", "uint64", "sint32", "sint64", "double"] as const)(
  "packs %s as protobufjs does",
  (kind) => {
    fc.assert(
      fc.property(fc.array(kinds[kind], { minLength: 1, maxLength: 400 }), (values) => {
        expect(packed(kind, values)).toEqual(written(kind, values));
      }),
    );
  },
);

it("writes nothing where there are no numbers", () => {
  expect(packed("uint32", [])).toHaveLength(0);
});
