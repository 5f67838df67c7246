import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../..", import.meta.url));

/** What a process left behind when it ended. */
export interface Ended {
  code: number | null;
  stderr: string;
  stdout: string;
}

/** A checkout, a home and a PATH of their own, so that set-up sees a machine made for the test. */
export class Machine implements Disposable {
  readonly base = mkdtempSync(join(tmpdir(), "quorate-machine-"));
  readonly root = join(this.base, "checkout");
  readonly cache = join(this.base, "home", ".cache", "quorate", "tools");
  readonly bin = join(this.base, "bin");
  readonly log = join(this.base, "log");
  readonly env: NodeJS.ProcessEnv = { HOME: join(this.base, "home"), PATH: this.bin, MACHINE_LOG: this.log };
  private readonly running = new Set<ChildProcess>();

  constructor() {
    for (const dir of [this.bin, join(this.base, "home")]) mkdirSync(dir, { recursive: true });
    this.checkout(this.root);
    for (const name of ["sh", "sleep", "tar", "gzip", "cat", "chmod", "mkdir"]) this.borrow(name);
    symlinkSync(process.execPath, join(this.bin, "node"));
    writeFileSync(this.log, "");
  }

  /** A second checkout shares home and PATH with the first. */
  checkout(root: string): string {
    mkdirSync(join(root, "tools"), { recursive: true });
    for (const name of readdirSync(join(project, "tools")))
      if (name.endsWith(".mjs") || name === "modules")
        cpSync(join(project, "tools", name), join(root, "tools", name), { recursive: true });
    return root;
  }

  /** Puts one of the real machine's executables on PATH. */
  private borrow(name: string): void {
    const dir = ["/bin", "/usr/bin"].find((each) => existsSync(join(each, name)));
    if (dir === undefined) throw new Error(`this machine has no ${name}`);
    symlinkSync(join(dir, name), join(this.bin, name));
  }

  /** Puts a shell script on PATH. Every call is logged as `<name> <arguments>`. */
  script(name: string, body: string): void {
    const file = join(this.bin, name);
    writeFileSync(file, `#!/bin/sh\necho "${name} $*" >> "$MACHINE_LOG"\n${body}\n`);
    chmodSync(file, 0o755);
  }

  /** A Go that answers as `version` and "builds" by `build`, in which `$out` is the file to make. */
  go(build = 'echo made > "$out"', version = "go1.26.8", toolchain = "auto"): void {
    this.script(
      "go",
      `if [ "$1" = env ]; then printf '${version}\\n${toolchain}\\n'; exit 0; fi
while [ $# -gt 1 ]; do if [ "$1" = -o ]; then out=$2; fi; shift; done
${build}`,
    );
  }

  /** Starts set-up as a shell would. */
  start(
    root = this.root,
    nodeArgs: string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): ChildProcess & { ended: Promise<Ended> } {
    const child = spawn(process.execPath, [...nodeArgs, join(root, "tools", "setup.mjs")], {
      cwd: root,
      env: { ...this.env, ...env },
    });
    this.running.add(child);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    const ended = new Promise<Ended>((resolve) =>
      child.once("exit", (code) => {
        this.running.delete(child);
        // Grandchildren may hold the pipes open: what is there now is what set-up said.
        setTimeout(() => resolve({ code, stdout, stderr }), 20);
      }),
    );
    return Object.assign(child, { ended });
  }

  setUp(env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.start(this.root, [], env).ended;
  }

  /** What was called on PATH, one line a call. */
  calls(): string[] {
    return readFileSync(this.log, "utf8").split("\n").filter(Boolean);
  }

  cached(): string[] {
    return existsSync(this.cache) ? readdirSync(this.cache).sort() : [];
  }

  [Symbol.dispose](): void {
    for (const child of this.running) child.kill("SIGKILL");
    rmSync(this.base, { recursive: true, force: true });
  }
}

/** Vendors on loopback: serves files by `<host>/<path>`, as `QUORATE_RELEASE_BASE` asks for them. */
export class Vendors implements AsyncDisposable {
  readonly files = new Map<string, Buffer | string>();
  readonly asked: string[] = [];
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async open(): Promise<Vendors> {
    const server = createServer((request, response) => {
      const path = (request.url ?? "").slice(1);
      vendors.asked.push(path);
      const body = vendors.files.get(path);
      if (typeof body === "string" && body.startsWith("redirect:"))
        response.writeHead(302, { location: body.slice("redirect:".length) }).end();
      else response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    const vendors = new Vendors(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return vendors;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export const sha256 = (data: Buffer | string): string => createHash("sha256").update(data).digest("hex");

/** A gzipped tar with one executable in it. */
export function archive(member: string, content: string): Buffer {
  const dir = mkdtempSync(join(tmpdir(), "quorate-archive-"));
  try {
    mkdirSync(join(dir, dirname(member)), { recursive: true });
    writeFileSync(join(dir, member), content, { mode: 0o755 });
    const packed = spawnSync("tar", ["-czf", "-", "-C", dir, member]);
    if (packed.status !== 0) throw new Error(packed.stderr.toString());
    return packed.stdout;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
