/** Name of an architecture in Debian's packages and in images. */
export type Architecture = "amd64" | "arm64";

/** What an architecture is called elsewhere, and what its runtime has to be. */
export interface ArchitectureFacts {
  /** In the names of npm packages, and `process.arch`. */
  readonly npm: string;
  readonly rpm: string;
  /** Of the package `node-linux-…` whose version {@link NODE_VERSION} is. */
  readonly nodeIntegrity: string;
  /** Programs that take symbols out of a binary of this architecture; the first that is there is used. */
  readonly strippers: readonly string[];
}

/** The runtime in the packages, which is the one that `npm install` brings. */
export const NODE_VERSION = "26.10.0";

/** Everything that packages are built for. */
export const architectures: Readonly<Record<Architecture, ArchitectureFacts>> = {
  amd64: {
    npm: "x64",
    rpm: "x86_64",
    nodeIntegrity:
      "sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==",
    strippers: ["x86_64-linux-gnu-strip", "llvm-strip"],
  },
  arm64: {
    npm: "arm64",
    rpm: "aarch64",
    nodeIntegrity:
      "sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==",
    strippers: ["aarch64-linux-gnu-strip", "llvm-strip"],
  },
};
