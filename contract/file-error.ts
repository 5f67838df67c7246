import { accessSync, constants, lstatSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import { OperatorError, type Problem } from "./operator-error.ts";

/** What the operating system says of files, and what helps. A full disk or a missing right is nobody's bug. */
const advice: Record<string, (path: string) => Pick<Problem, "expected" | "next">> = {
  EACCES: mayUse,
  EPERM: mayUse,
  EROFS: () => ({ expected: "a file system that can be written", next: "work in a folder that can be written" }),
  ENOSPC: () => ({ expected: "room on the disk", next: "make room, then repeat the command" }),
  EDQUOT: () => ({ expected: "room in your quota", next: "make room, then repeat the command" }),
  EMFILE: () => ({ expected: "a file that can be opened", next: "ulimit -n 4096, then repeat the command" }),
  EIO: () => ({ expected: "a disk that works", next: "look after the disk: dmesg" }),
  EISDIR: (path) => ({ expected: "a file", next: `move ${path} away` }),
  EEXIST: (path) => ({ expected: "a folder", next: `move ${path} away` }),
  ENOTDIR: (path) => ({ expected: "a folder", next: `move ${path} away` }),
  ELOOP: (path) => ({ expected: "a file or folder, not a circle of links", next: `remove ${path}` }),
  ENAMETOOLONG: () => ({ expected: "a shorter path", next: "work in a folder with a shorter name" }),
  ENOENT: (path) => ({ expected: "a file or folder that is there", next: `ls -ld ${path}` }),
};

/**
 * The operator's error behind what the operating system refused to do with a file, or undefined where `failure` is something else:
 * a socket, or our own mistake. Reads rights only, and only of the path that the failure names.
 */
export function fileError(failure: unknown, known?: string): OperatorError | undefined {
  const { code = "", path = known, syscall = "", message } = failure as NodeJS.ErrnoException;
  const advise = Object.hasOwn(advice, code) ? advice[code] : undefined;
  if (!(failure instanceof Error) || advise === undefined || path === undefined || !isAboutFiles(syscall))
    return undefined;
  const [obstacle, state] = firstObstacle(resolve(path));
  return new OperatorError(
    {
      code: "FILE_UNUSABLE",
      what: `${path} can not be used`,
      found: [message.split(path)[0]?.replace(/[ ,':]+$/, "") ?? code, state].filter(Boolean).join("\n"),
      ...advise(obstacle),
    },
    { cause: failure },
  );
}

function isAboutFiles(syscall: string): boolean {
  return syscall !== "" && !/^(listen|bind|connect|getaddrinfo|query\w*|read ECONN|kill)\b/.test(syscall);
}

function mayUse(path: string): Pick<Problem, "expected" | "next"> {
  const owner = stateOf(path)?.uid;
  const me = process.getuid?.();
  return {
    expected: `the right to read and write ${path}`,
    next:
      owner === undefined || me === undefined || owner === me
        ? `chmod u+rwX ${path}`
        : `run the command as user ${owner}, or give it to yourself: sudo chown -R ${me} ${path}`,
  };
}

/** What stands in the way: the first part of the path that can not be entered, else the last one that is there; and what is known of it. */
function firstObstacle(path: string): [path: string, state: string | undefined] {
  const parents: string[] = [];
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) parents.unshift(folder);
  const closed = parents.find((folder) => stateOf(folder) !== undefined && !can(folder, constants.X_OK));
  const there = [path, ...parents.toReversed()].find((each) => stateOf(each) !== undefined);
  const obstacle = closed ?? there ?? path;
  const state = stateOf(obstacle);
  if (state === undefined) return [obstacle, undefined];
  const kind = state.isDirectory() ? "a folder" : state.isSymbolicLink() ? "a link" : "a file";
  const mode = (state.mode & 0o777).toString(8).padStart(3, "0");
  return [obstacle, `${obstacle} is ${kind} of user ${state.uid}, mode ${mode}; this is user ${process.getuid?.()}`];
}

function can(path: string, right: number): boolean {
  try {
    accessSync(path, right);
    return true;
  } catch {
    return false;
  }
}

function stateOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    // Behind a folder that can not be entered, or not there.
    return undefined;
  }
}
