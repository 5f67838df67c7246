import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { type DevnetHandle, devnetUp } from "./devnet.ts";
import { readIfThere, writeWhole } from "./files.ts";
import { absoluteChartRef } from "./topology.ts";

const project = dirname(dirname(fileURLToPath(import.meta.url)));

export interface TemporaryDevnetOptions {
  /** Network whose manifest and stack files are copied. @default devnet */
  network?: string;
  /** Project they are copied from. @default this one */
  from?: string;
  onProgress?: (text: string) => void;
}

/** A devnet in a folder of its own, beside any other: `await using net = await startDevnet()`. It leaves nothing behind. */
export async function startDevnet(options: TemporaryDevnetOptions = {}): Promise<DevnetHandle> {
  const network = options.network ?? "devnet";
  const root = copyProject(options.from ?? project, network);
  const remove = () => rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  try {
    const devnet = await devnetUp({ root, network, ...(options.onProgress ? { onProgress: options.onProgress } : {}) });
    return {
      ...devnet,
      [Symbol.asyncDispose]: async () => {
        await devnet.down();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** A project folder with nothing but a network's manifest and stack files. */
export function copyProject(from: string, network: string): string {
  const root = mkdtempSync(join(tmpdir(), "quorate-devnet-"));
  cpSync(join(from, "stacks"), join(root, "stacks"), {
    recursive: true,
    filter: (path) => !path.endsWith(".ts"),
  });
  cpSync(join(from, "Pulumi.yaml"), join(root, "Pulumi.yaml"));
  const source = join(from, "stacks", "networks", `${network}.yaml`);
  const manifest = parseDocument(readIfThere(source) ?? "");
  // A chart beside the project is not beside the copy.
  manifest.setIn(["chart", "ref"], absoluteChartRef(String(manifest.getIn(["chart", "ref"])), source));
  writeWhole(join(root, "stacks", "networks", `${network}.yaml`), manifest.toString({ lineWidth: 0 }));
  return root;
}
