import { describe, expect, it } from "vitest";
import { Aggregate } from "../../../../shared/aggregates/aggregate.ts";
import { DetailedWindows, deltaKey } from "../../../../shared/aggregates/detailed-windows.ts";

function windowsOf(seriesMax: number, servicesMax = 100, names = ["host"]): DetailedWindows {
  return new DetailedWindows(names, { servicesMax, seriesMax });
}

function add(windows: DetailedWindows, service: string, ...values: string[]): void {
  windows.at({ service, minute: 7, values }).add(2, -1);
}

function shown(windows: DetailedWindows): string[] {
  return windows
    .take("s")
    .map(({ service, dimensions, aggregate }) => {
      const folded = aggregate.folded ? " folded" : "";
      return `${service} ${JSON.stringify(dimensions ?? {})} ${aggregate.requestCount}${folded}`;
    })
    .toSorted();
}

describe("windows with dimensions", () => {
  it("are kept apart by service and values", () => {
    const windows = windowsOf(10);
    for (const host of ["x", "y", "x", ""]) add(windows, "a", host);
    add(windows, "b", "x");
    expect(windows.size).toBe(4);
    expect(shown(windows)).toEqual([
      'a {"host":""} 1',
      'a {"host":"x"} 2',
      'a {"host":"y"} 1',
      'b {"host":"x"} 1',
    ]);
    expect(windows.size).toBe(0);
  });

  it("take counts that were made elsewhere, folded ones too", () => {
    const windows = windowsOf(1);
    const counts = new Aggregate();
    counts.add(2, 5);
    counts.add(4, -1);
    for (const host of ["x", "y", "x"]) {
      const place = { service: "a", minute: 7, values: [host] };
      expect(windows.detailAt(place).requestCount % 2).toBe(0);
      windows.add(place, counts);
    }
    expect(windows.foldedLines).toBe(2);
    expect(windows.size).toBe(2);
    expect(shown(windows)).toEqual(['a {"host":"__other__"} 2 folded', 'a {"host":"x"} 4']);
  });

  it("beyond the limit are folded, with one that has that very name, and nothing is lost", () => {
    const windows = windowsOf(2);
    for (const host of ["__other__", "x", "y", "z", "x", "z"]) add(windows, "a", host);
    add(windows, "b", "x");
    expect(windows.foldedLines).toBe(4);
    expect(shown(windows)).toEqual([
      'a {"host":"__other__"} 4 folded',
      'a {"host":"x"} 2',
      'b {"host":"__other__"} 1 folded',
    ]);
    expect(windows.foldedLines).toBe(0);
  });

  it("fold services after dimensions", () => {
    const windows = windowsOf(1, 2);
    for (const service of ["a", "b", "c", "d"]) add(windows, service, "x");
    expect(shown(windows)).toEqual([
      '__other__ {"host":"__other__"} 2 folded',
      'a {"host":"x"} 1',
      'b {"host":"__other__"} 1 folded',
    ]);
  });

  it("may have no dimensions: then only services are limited", () => {
    const windows = windowsOf(1, 2, []);
    for (const service of ["a", "b", "c", "a"]) add(windows, service);
    expect(shown(windows)).toEqual(["__other__ {} 1 folded", "a {} 2", "b {} 1"]);
  });

  it("have one key per window of a stream", () => {
    const aggregate = new Aggregate();
    const delta = { stream: "s", service: "a", minute: 1, aggregate };
    expect(deltaKey(delta)).toBe(deltaKey({ ...delta, dimensions: {} }));
    expect(deltaKey(delta)).not.toBe(deltaKey({ ...delta, dimensions: { a: "" } }));
  });
});
