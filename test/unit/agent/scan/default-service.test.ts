import { expect, test } from "vitest";
import { defaultService } from "../../../../agent/scan/default-service.ts";

test("the service of a file is its name without the endings of format, packing and rotation", () => {
  const cases = {
    "/var/log/orders.log": "orders",
    "orders-api.log.2.gz": "orders-api",
    "app-requests.ndjson.gz": "app-requests",
    "web.log-20261120": "web",
    "web-2026-11-20.log": "web",
    "server.log.2016-12-19-16": "server",
    "my.service.log": "my.service",
    access_log: "access_log",
    "plain.data": "plain",
    ".hidden": ".hidden",
    ".log": ".log",
    "k8s-v1.2.json": "k8s-v1",
  };
  expect(
    Object.fromEntries(Object.keys(cases).map((path) => [path, defaultService(path)])),
  ).toEqual(cases);
});
