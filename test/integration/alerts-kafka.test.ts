/** The life of an alert in a topic of a real Kafka: every change of it once, whatever is killed when. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BurstScene, playBurst } from "../end-to-end/error-burst.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { readTopic } from "./kafka-topic.ts";

let cluster: KafkaCluster;
let folder: string;
let scene: BurstScene;

beforeAll(async () => {
  cluster = await KafkaCluster.start(1);
  folder = await mkdtemp(join(tmpdir(), "tailrace-burst-"));
  const { addresses: brokers } = cluster;
  const sink = { name: "out", type: "kafka", brokers, results: ["alerts"], flush_interval: "50ms" };
  scene = await BurstScene.start(folder, [sink]);
});
afterAll(async () => {
  await scene.remove();
  await cluster.remove();
  await rm(folder, { recursive: true, force: true });
});

it("a burst of errors is in alerts-topic once, in each of its states", async () => {
  const { id } = await playBurst(scene);
  const states = async () =>
    (await readTopic(cluster.addresses, "alerts-topic")).map(({ key, value }) => {
      const { state, revision }: { state: string; revision: number } = JSON.parse(value);
      return `${key} ${state} r${revision}`;
    });
  while (!(await states()).includes(`${id} resolved r4`)) await setTimeout(200);
  expect(await states()).toEqual([`${id} firing r2`, `${id} acknowledged r3`, `${id} resolved r4`]);
}, 180_000);
