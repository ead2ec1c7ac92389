/** Makes a case that shows a difference smaller. */

interface Block {
  readonly lines: readonly Buffer[];
}

/** Leaves out blocks, then lines of them, as long as `differs` still holds. */
export function shrinkBlocks<B extends Block>(
  all: readonly B[],
  differs: (fewer: readonly B[]) => boolean,
): readonly B[] {
  let blocks = all;
  for (let step = blocks.length >> 1; step >= 1; step >>= 1) {
    for (let at = 0; at < blocks.length; ) {
      const fewer = blocks.toSpliced(at, step);
      if (differs(fewer)) blocks = fewer;
      else at += step;
    }
  }
  for (let number = 0; number < blocks.length; number++) {
    for (let step = (blocks[number]?.lines.length ?? 0) >> 1; step >= 1; step >>= 1) {
      for (let at = 0; at < (blocks[number]?.lines.length ?? 0); ) {
        const fewer = blocks.map((block, index) =>
          index === number ? { ...block, lines: block.lines.toSpliced(at, step) } : block,
        );
        if (differs(fewer)) blocks = fewer;
        else at += step;
      }
    }
  }
  return blocks;
}
