/** Lines that can be told apart in windows: each is the only one of its service in its minute. */

const SERVICE_COUNT = 10;
const FIRST_MS = Date.parse("2026-01-05T00:00:00Z");
const MINUTE_MS = 60_000;
const NUMBER = /"message":"line (\d+) /g;

/** The service and the time of the line with a number. */
export function placeOf(index: number): { readonly service: string; readonly timestamp: string } {
  const timeMs = FIRST_MS + Math.floor(index / SERVICE_COUNT) * MINUTE_MS;
  const service = `service-${index % SERVICE_COUNT}`;
  return { service, timestamp: new Date(timeMs).toISOString() };
}

/** The line with a number, as JSON; some hundred bytes. */
export function numberedLine(index: number): string {
  const message = `line ${index} ${"x".repeat(index % 50)}`;
  return `${JSON.stringify({ ...placeOf(index), message })}\n`;
}

/** The number of the line that is counted in a window. */
export function numberOf(window: {
  readonly service: string;
  readonly windowStart: string;
}): number {
  const minute = (Date.parse(window.windowStart) - FIRST_MS) / MINUTE_MS;
  return minute * SERVICE_COUNT + Number(window.service.slice("service-".length));
}

/** The numbers of the whole lines that stand in a text. */
export function numbersIn(text: string): number[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return [...whole.matchAll(NUMBER)].map(([, digits]) => Number(digits));
}
