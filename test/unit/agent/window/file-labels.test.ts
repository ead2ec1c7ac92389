import { describe, expect, it } from "vitest";
import { labelsOfPath } from "../../../../agent/window/file-labels.ts";

const ID = "0123456789ab".padEnd(64, "c");
const POD = { namespace: "shop", pod: "orders-5d9c-x2", container: "app" };

describe("labels of a path", () => {
  it.each([
    ["/var/log/pods/shop_orders-5d9c-x2_6a1f/app/0.log", POD],
    ["/var/log/pods/shop_orders-5d9c-x2_6a1f/app/0.log.20261126-101010.gz", POD],
    [`/var/log/containers/orders-5d9c-x2_shop_app-${ID}.log`, POD],
    [`/var/lib/docker/containers/${ID}/${ID}-json.log`, { container: "0123456789ab" }],
    [`/var/lib/docker/containers/${ID}/${ID}-json.log.1`, { container: "0123456789ab" }],
    ["/var/log/app/app.log", {}],
    ["/var/log/pods/x/app/0.log", {}],
    ["", {}],
  ])("%s", (path, labels) => {
    expect(labelsOfPath(path)).toEqual(labels);
  });
});
