/** Builds a container image for this machine's architecture as an OCI layout: `npm run image`. */
import { join, relative } from "node:path";
import { layOutTree, projectVersion } from "./build-packages.ts";
import { writeImage } from "./write-image.ts";

const root = join(import.meta.dirname, "../..");
const work = join(root, "build/packaging");
const architecture = process.arch === "arm64" ? "arm64" : "amd64";
const target = join(root, "build/image");
const tree = await layOutTree(architecture, work);
const version = await projectVersion();
await writeImage({ architecture, version, tree, work, level: 6 }, target);
process.stdout.write(
  `${relative(process.cwd(), target)}: tailrace ${version} for linux/${architecture}\n`,
);
