import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createOperatorFolder } from "../support/operator-folder.ts";
import { createRehearsalFolder } from "../support/rehearsal.ts";
import { measure, median, type Run, spread } from "./measure.ts";

export interface Place {
  /** The project's checkout. */
  root: string;
  /** A folder that goes when the bench ends. */
  scratch: string;
}

export interface Figure {
  value: number;
  unit: string;
  spread: number;
  /** What the value was made from, in words. */
  detail: string;
}

export interface Row {
  id: string;
  what: string;
  target: string;
  /** The target as a number in the figure's unit. */
  limit: number;
  measure(place: Place): Promise<Figure>;
}

const node = process.execPath;

export const rows: Row[] = [
  startUp("help", ["--help"]),
  startUp("runbooks", ["runbooks"]),
  {
    id: "preview",
    what: "preview of one full party of 13, whole command, stack existing",
    target: "≤ 3 × an empty program's",
    limit: 3,
    async measure({ root, scratch }) {
      const home = join(scratch, "empty");
      await mkdir(home, { recursive: true });
      const empty = [node, join(root, "test/bench/empty-preview.ts"), home];
      const env = { ...process.env, PATH: `${join(root, ".tools/bin")}:${process.env.PATH}` };
      const operator = await createRehearsalFolder(join(scratch, "full"));
      await mustPass(await quorate(root, operator, "devnet", "up", "--network", "zama-mainnet"));
      try {
        await mustPass(await quorate(root, operator, "up", "--party", "1", "--yes"));
        const preview = [node, join(root, "bin/quorate.mjs"), "preview", "--party", "1", "--format", "json"];
        await mustPass(await measure(preview, { cwd: operator }));
        await mustPass(await measure(empty, { env }));
        const [floor, party] = await alternate(
          5,
          () => measure(empty, { env }),
          () => measure(preview, { cwd: operator }),
        );
        const figure = ratio(floor, party, "seconds for an empty program");
        const count = await resourcesIn(operator);
        const more = median(party.map(({ wall }, i) => wall - (floor[i]?.wall ?? Number.NaN)));
        return {
          ...figure,
          detail: `${figure.detail}; ${count} resources, ${((1000 * more) / count).toFixed(0)} ms each`,
        };
      } finally {
        await quorate(root, operator, "devnet", "down");
      }
    },
  },
  {
    id: "hung",
    what: "validate as a whole, 1 of 4 hung",
    target: "≤ 6.5 s",
    limit: 6.5,
    async measure({ root, scratch }) {
      return await withDevnet(root, scratch, async (operator) => {
        await mustPass(await quorate(root, operator, "devnet", "fault", "hang", "4"));
        try {
          const runs: Run[] = [];
          for (let i = 0; i < 3; i++) runs.push(await quorate(root, operator, "validate"));
          if (runs.some((run) => run.code !== 1))
            throw new Error(`validate of a hung network exits 1, found ${runs.map((run) => run.code)}`);
          return seconds(runs, "accepts, then silent");
        } finally {
          await quorate(root, operator, "devnet", "fault", "heal");
        }
      });
    },
  },
  proberRow("links", 13, 7, { target: "≤ 0.6 s", limit: 0.6 }),
  proberRow("links-100", 100, 2, { target: "≤ 15 s", limit: 15 }),
  {
    id: "halves",
    what: "100 signed halves read, verified, joined, judged, and the page of them",
    target: "≤ 2 s",
    limit: 2,
    async measure({ root, scratch }) {
      const runs: Merge[] = [];
      for (let i = 0; i < 5; i++)
        runs.push((await measured(root, "test/bench/halves.ts", join(scratch, `halves-${i}`))) as Merge);
      const [wrong] = runs.filter(({ verified, links }) => verified !== 100 || links !== 9_900);
      if (wrong !== undefined)
        throw new Error(`100 halves and 9900 links were to be had, found ${JSON.stringify(wrong)}`);
      const of = (part: "seconds" | "read" | "judge" | "render") => runs.map((run) => run[part]);
      const words = (["read", "judge", "render"] as const).map((part) => `${part} ${median(of(part)).toFixed(2)} s`);
      const detail = `${words.join(", ")}; page of ${runs[0]?.kilobytes} kB`;
      return { value: median(of("seconds")), unit: "s", spread: spread(of("seconds")), detail };
    },
  },
  pageRow("page", "page of 100 parties, opened and painted, main thread", { target: "≤ 1 s", limit: 1 }, "opened"),
  pageRow("filter", "its slowest filter, painted, main thread", { target: "≤ 0.1 s", limit: 0.1 }, "filtered"),
  {
    id: "doctor",
    what: "doctor on a healthy party of a devnet of four",
    target: "≤ 3 s",
    limit: 3,
    async measure({ root, scratch }) {
      return await withDevnet(root, scratch, async (operator) => {
        const runs: Run[] = [];
        for (let i = 0; i < 5; i++) runs.push(await mustPass(await quorate(root, operator, "doctor", "--party", "1")));
        return seconds(runs, "whole command, no cause found");
      });
    },
  },
  {
    id: "shell",
    what: "validate against a sequential shell check of 4 parties",
    target: "faster",
    limit: 1,
    async measure({ root, scratch }) {
      return await withDevnet(root, scratch, async (operator) => {
        const check = await shellCheck(root, operator);
        const [shell, own] = await alternate(
          3,
          () => measure(check.command, { cwd: operator, env: check.env }),
          () => quorate(root, operator, "validate"),
        );
        return ratio(shell, own, "seconds for the shell's: 12 connections and 12 handshakes, nothing verified");
      });
    },
  },
  {
    id: "devnet",
    what: "devnet of four, from nothing to validated",
    target: "≤ 30 s",
    limit: 30,
    async measure({ root, scratch }) {
      const runs: Run[] = [];
      for (let i = 0; i < 2; i++) {
        const operator = await createOperatorFolder(join(scratch, `fresh-${i}`));
        runs.push(await mustPass(await quorate(root, operator, "demo")));
        await mustPass(await quorate(root, operator, "devnet", "down"));
      }
      return seconds(runs, "control planes, four times up, cores, validate");
    },
  },
];

/** What was done before there was `validate`, and the kubeconfigs that it is done with. */
async function shellCheck(root: string, operator: string): Promise<{ command: string[]; env: NodeJS.ProcessEnv }> {
  const kubeconfigs: string[] = [];
  for (const party of ["1", "2", "3", "4"]) {
    const printed = await promisify(execFile)(node, [join(root, "bin/quorate.mjs"), "kubeconfig", "--party", party], {
      cwd: operator,
    });
    kubeconfigs.push(printed.stdout.trim());
  }
  return {
    command: [join(root, "test/bench/seed-check.sh"), "kms-decentralized", "50001", ...kubeconfigs],
    env: { ...process.env, PATH: `${join(root, ".tools/bin")}:${process.env.PATH}` },
  };
}

/** The prober against parties that do nothing else: one process that asks, one that answers. */
function proberRow(id: string, parties: number, runs: number, aim: Pick<Row, "target" | "limit">): Row {
  const links = parties * (parties - 1);
  return {
    id,
    what: `prober alone, ${parties} healthy parties, ${links} links`,
    ...aim,
    async measure({ root }) {
      const found = (await measured(root, "test/bench/links.ts", String(parties), String(runs))) as {
        seconds: number[];
        up: number;
        megabytes: number;
      };
      if (found.up !== links) throw new Error(`${links} links should be up, found ${found.up}`);
      const detail = `${found.up} links up, each run; at most ${found.megabytes.toFixed(0)} MB`;
      return { value: median(found.seconds), unit: "s", spread: spread(found.seconds), detail };
    },
  };
}

/** The report's page as Chromium has it before a reader. */
function pageRow(id: string, what: string, aim: Pick<Row, "target" | "limit">, part: "opened" | "filtered"): Row {
  return {
    id,
    what,
    ...aim,
    async measure({ root }) {
      const took = (await measured(root, "test/bench/page.ts")) as Record<
        typeof part,
        { thread: number; wall: number }[]
      >;
      const thread = took[part].map((one) => one.thread);
      const wall = median(took[part].map((one) => one.wall));
      return {
        value: median(thread),
        unit: "s",
        spread: spread(thread),
        detail: `${wall.toFixed(2)} s by the clock, with two frames`,
      };
    },
  };
}

/** What `test/bench/halves.ts` measured, in seconds. */
interface Merge {
  seconds: number;
  read: number;
  judge: number;
  render: number;
  verified: number;
  links: number;
  kilobytes: number;
}

/** What a program that measures by itself prints, in a process of its own. */
async function measured(root: string, program: string, ...args: string[]): Promise<unknown> {
  const bench = spawn(node, [join(root, program), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  bench.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(bench, "close")) as [number];
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return JSON.parse(text);
}

function startUp(id: string, args: string[]): Row {
  return {
    id,
    what: `quorate ${args.join(" ")}`,
    target: "≤ 1.5 × node -e 0",
    limit: 1.5,
    async measure({ root }) {
      const command = [node, join(root, "bin/quorate.mjs"), ...args];
      await mustPass(await measure(command));
      const [floor, own] = await alternate(
        15,
        () => measure([node, "-e", "0"]),
        () => measure(command),
      );
      return ratio(floor, own, "seconds for node -e 0");
    },
  };
}

/** The two in turn, so that a machine that drifts drifts for both. */
async function alternate(times: number, a: () => Promise<Run>, b: () => Promise<Run>): Promise<[Run[], Run[]]> {
  const pairs: [Run[], Run[]] = [[], []];
  for (let i = 0; i < times; i++) {
    pairs[0].push(await mustPass(await a()));
    pairs[1].push(await mustPass(await b()));
  }
  return pairs;
}

function ratio(floor: Run[], own: Run[], floorWords: string): Figure {
  const ratios = own.map((run, index) => run.wall / (floor[index]?.wall ?? Number.NaN));
  const base = median(floor.map((run) => run.wall));
  const wall = median(own.map((run) => run.wall));
  const cpu = median(own.map((run) => run.cpu));
  return {
    value: median(ratios),
    unit: "×",
    spread: spread(ratios),
    detail: `${wall.toFixed(3)} s wall, ${cpu.toFixed(3)} s cpu, against ${base.toFixed(3)} ${floorWords}`,
  };
}

function seconds(runs: Run[], words: string): Figure {
  const walls = runs.map((run) => run.wall);
  const cpu = median(runs.map((run) => run.cpu));
  return { value: median(walls), unit: "s", spread: spread(walls), detail: `${cpu.toFixed(1)} s cpu; ${words}` };
}

async function quorate(root: string, operator: string, ...args: string[]): Promise<Run> {
  return await measure([node, join(root, "bin/quorate.mjs"), ...args], { cwd: operator });
}

async function mustPass(run: Run): Promise<Run> {
  if (run.code !== 0) throw new Error(`a command that should pass ended with ${run.code}`);
  return run;
}

/** Resources in the state of the one stack of a folder's devnet. */
async function resourcesIn(operator: string): Promise<number> {
  const file = join(operator, ".quorate/devnet/backend/.pulumi/stacks/quorate/party-1.json");
  const { checkpoint } = JSON.parse(await readFile(file, "utf8")) as {
    checkpoint: { latest: { resources: unknown[] } };
  };
  return checkpoint.latest.resources.length;
}

/** A devnet of its own for one row, beside whatever runs in the checkout. */
async function withDevnet<T>(root: string, scratch: string, act: (operator: string) => Promise<T>): Promise<T> {
  const operator = await createOperatorFolder(join(scratch, `operator-${performance.now().toFixed(0)}`));
  await mustPass(await quorate(root, operator, "demo"));
  try {
    return await act(operator);
  } finally {
    await quorate(root, operator, "devnet", "down");
  }
}
