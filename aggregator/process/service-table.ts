import { present } from "../../shared/assert.ts";
import type { StateChange, StateView } from "../log/log.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import { type Series, type SeriesKey, serviceKey } from "../state/keys.ts";
import { encodeServiceRow, readServiceRow, type ServiceRow } from "../state/service-row.ts";

/** Services whose row is known to be there; forgotten beyond this, some 10 MiB. */
const KNOWN_COUNT_MAX = 50_000;

/** The rows that hold the names of services of which there are windows. */
export class ServiceTable {
  private readonly view: StateView;
  private readonly known = new Map<string, ServiceRow>();
  private changes: StateChange[] = [];
  /** What the open flush needs at most. */
  openBytes = 0;

  constructor(view: StateView) {
    this.view = view;
  }

  /** Says that there is a window of a series. */
  add(series: Series): void {
    if (this.known.has(series.key)) return;
    this.known.set(series.key, series);
    const key = serviceKey(series.key);
    if (this.view.get(key) !== undefined) return;
    const value = encodeServiceRow(series, new ByteWriter());
    this.changes.push({ key, value });
    this.openBytes += key.length + value.length;
  }

  /** Says that the last window of a series is deleted. */
  forget(series: SeriesKey): void {
    this.known.delete(series.key);
  }

  /** The names of a series of which there is a window. */
  namesOf({ key }: SeriesKey): ServiceRow {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const names = present(readServiceRow(this.view, key), `the row of service ${key}`);
    this.known.set(key, names);
    return names;
  }

  /** Takes the new rows. */
  flush(): StateChange[] {
    const taken = this.changes;
    this.changes = [];
    this.openBytes = 0;
    return taken;
  }

  /** Says that everything flushed is committed. */
  settle(): void {
    if (this.known.size > KNOWN_COUNT_MAX) this.known.clear();
  }
}
