import { windowJsonText } from "../../shared/aggregates/window-json-text.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import type { StoredWindow } from "./read-windows.ts";

/**
 * A stored window as every interface shows it, one JSON object without a line end. A window of several minutes is provisional until the
 * watermark (milliseconds since the Unix epoch, undefined before the first) has passed its end.
 */
export function windowText(window: StoredWindow, watermarkMs: number | undefined): string {
  const { stream, service, dimensions, minute, windowMinutes, revision } = window;
  const endMs = (minute + windowMinutes) * MINUTE_MS;
  const isOpen = windowMinutes > 1 && (watermarkMs === undefined || watermarkMs < endMs - 1);
  const progress = { state: isOpen ? ("provisional" as const) : window.state, revision };
  const { aggregate, contributors } = window;
  const facts = { stream, service, dimensions, minute, windowMinutes, aggregate, progress };
  return windowJsonText({ ...facts, contributors });
}
