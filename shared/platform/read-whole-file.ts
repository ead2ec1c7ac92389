import type { Disk } from "./disk.ts";

/** The content of a file, at most `bytesMax` of it. Fails as {@link Disk.open} does. */
export async function readWholeFile(
  disk: Disk,
  path: string,
  bytesMax = 64 << 20,
): Promise<Buffer> {
  const file = await disk.open(path, "read");
  try {
    const { bytes } = await file.stat();
    const content = Buffer.alloc(Math.min(bytes, bytesMax));
    let filled = 0;
    while (filled < content.length) {
      const count = await file.read(content, filled, content.length - filled, filled);
      if (count === 0) break;
      filled += count;
    }
    return content.subarray(0, filled);
  } finally {
    await file.close();
  }
}
