/** Takes what must not leave a host out of texts. Pure: the same text for the same text. */
export interface Redactor {
  /** False when every text stays as it is. */
  readonly isActive: boolean;
  /** The text as it may leave the host; undefined when it must not at all. */
  redact(text: string): string | undefined;
  /** The same of a long text of which only the first `length` code units are wanted. Nothing that the cut divides gets through. */
  redactStart(text: string, length: number): string | undefined;
  /** What may leave of the value of a field, and of all that is in it; undefined when nothing may. */
  redactField(name: string, value: unknown): unknown;
}

/** Leaves every text as it is. */
export const REDACTOR_NONE: Redactor = {
  isActive: false,
  redact: (text) => text,
  redactStart: (text, length) => text.slice(0, length),
  redactField: (_name, value) => value,
};
