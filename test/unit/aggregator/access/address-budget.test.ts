import { describe, expect, it } from "vitest";
import { AddressBudget } from "../../../../aggregator/access/address-budget.ts";

/** How many of `count` requests at once are let through. */
function taken(budget: AddressBudget, address: string, count: number, nowMs: number): number {
  return Array.from({ length: count }, () => budget.take(address, nowMs)).filter(Boolean).length;
}

describe("the budget of an address", () => {
  it("holds two seconds' worth at once, and comes back as time goes on", () => {
    const budget = new AddressBudget(10);
    expect(taken(budget, "a", 100, 0)).toBe(20);
    expect(taken(budget, "a", 100, 500)).toBe(5);
    expect(taken(budget, "a", 100, 60_000)).toBe(20);
  });

  it("is each address's own", () => {
    const budget = new AddressBudget(10);
    taken(budget, "a", 100, 0);
    expect(taken(budget, "b", 100, 0)).toBe(20);
  });

  it("lets nobody try credentials more than some times a second", () => {
    const budget = new AddressBudget(500);
    let tries = 0;
    while (budget.take("a", 0)) {
      budget.punish("a", 0);
      tries++;
    }
    expect(tries).toBeLessThanOrEqual(20);
    expect(budget.take("a", 1_000)).toBe(true);
  });

  it("forgets the oldest of very many addresses, and stays bounded", () => {
    const budget = new AddressBudget(1, 2);
    taken(budget, "a", 2, 0);
    taken(budget, "b", 2, 0);
    expect(budget.take("a", 0)).toBe(false);
    taken(budget, "c", 2, 0);
    expect(budget.take("a", 0)).toBe(true);
    expect(budget.take("c", 0)).toBe(false);
  });
});
