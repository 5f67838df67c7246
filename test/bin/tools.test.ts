import { expect, test } from "vitest";
import { renderTools } from "../../bin/commands/tools.ts";

test("where a tool came from is never broken inside an address, as long as that fits at all", () => {
  const tools = [
    { name: "etcd", version: "3.7.3", origin: "built from go.etcd.io/etcd/server/v3@v3.7.3" },
    { name: "kube-controller-manager", version: "1.36.3", origin: `built from ${"k".repeat(50)}` },
  ];
  expect(renderTools(tools, 140).split("\n")).toHaveLength(2);
  const narrow = renderTools(tools, 70).split("\n");
  for (const line of narrow) expect(line.length).toBeLessThanOrEqual(70);
  expect(narrow.at(-1)).toBe(`  built from ${"k".repeat(50)}`);
});
