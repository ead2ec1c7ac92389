import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { containerService } from "../../../../agent/source/container-service.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { folderOpener } from "./log-folder.ts";

const ID = "0123456789abcdef".repeat(4);
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});
const { open } = folderOpener();

function dockerLog(config: string | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), "tailrace-docker-"));
  folders.push(folder);
  const place = join(folder, "containers", ID);
  mkdirSync(place, { recursive: true });
  if (config !== undefined) writeFileSync(join(place, "config.v2.json"), config);
  return join(place, `${ID}-json.log`);
}

describe("the service of a container's log", () => {
  it("is the container that the path of Kubernetes names", async () => {
    const service = (path: string) => containerService(realDisk, path);
    expect(await service("/var/log/pods/shop_cart-5f-x_0a1b/cart/0.log")).toBe("cart");
    expect(await service("/var/log/pods/shop_cart-5f-x_0a1b/cart/0.log.20261120-1")).toBe("cart");
    expect(await service(`/var/log/containers/cart-5f-x_shop_web-proxy-${ID}.log`)).toBe(
      "web-proxy",
    );
    expect(await service("/var/log/app/pods.log")).toBeUndefined();
    expect(await service("/var/log/pods/other.log")).toBeUndefined();
  });

  it("is what Docker Compose or Docker call it, else the beginning of its id", async () => {
    const named = JSON.stringify({ Name: "/shop-web-1", Config: { Labels: {} } });
    expect(await containerService(realDisk, dockerLog(named))).toBe("shop-web-1");
    const labels = { "com.docker.compose.service": "web" };
    const composed = JSON.stringify({ Name: "/shop-web-1", Config: { Labels: labels } });
    expect(await containerService(realDisk, dockerLog(composed))).toBe("web");
    for (const config of [undefined, "{", "[]", '{"Name":7}']) {
      expect(await containerService(realDisk, dockerLog(config))).toBe("0123456789ab");
    }
  });

  it("stands in for the source's where that is not configured", async () => {
    const folder = open();
    const place = join(folder.path, "pods", "shop_cart-5f_0a1b", "cart");
    mkdirSync(place, { recursive: true });
    for (const isServiceByContainer of [true, false]) {
      await folder.restart({ paths: [join(place, "*.log")], isServiceByContainer });
      folder.append(`pods/shop_cart-5f_0a1b/cart/${isServiceByContainer ? 0 : 1}.log`, "a\n");
      await folder.follow();
      expect(folder.sink.contexts.at(-1)?.service).toBe(isServiceByContainer ? "cart" : "app");
    }
  });
});
