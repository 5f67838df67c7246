import { mkdir, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fileError } from "../../contract/file-error.ts";
import { Digest } from "../../contract/names.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { PublicUrl } from "../../contract/party-card.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { cardAddress, folderSource, vaultSource } from "../../fleet/card-sources.ts";
import { claimedParty, importCards, listCards, syncCards } from "../../fleet/cards.ts";
import { Fleet } from "../../fleet/driver.ts";
import { readOutputs } from "../../fleet/outputs.ts";
import { type PartyStack, partyStacks } from "../../fleet/party-stacks.ts";
import { networkLine } from "../../runbooks/network-line.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { readIfThere, replaceFile } from "../../stacks/text-file.ts";
import { decideTrust } from "../card-trust.ts";
import { cardsDocument, exitCodeOf, publishedText, renderCards, renderOneCard, summaryOf } from "../cards-text.ts";
import { chooseParties, partyOptions } from "../party-choice.ts";
import { s3Endpoint } from "../s3-endpoint.ts";
import { openSession, type Session } from "../session.ts";
import { stoppable } from "../stoppable.ts";
import { colours, terminal } from "../terminal.ts";
import { chooseFormat } from "./stacks.ts";

const actions: Record<string, (args: string[]) => Promise<number>> = {
  publish,
  sync,
  list,
  show,
  trust,
  export: exportCards,
  import: importFiles,
  certificates: async (args) => await (await import("./card-certificates.ts")).certificates(args),
};

export async function cards(args: string[]): Promise<number> {
  const [word = "", ...rest] = args;
  const action = Object.hasOwn(actions, word) ? actions[word] : undefined;
  if (action !== undefined) return await action(rest);
  throw new OperatorError({
    code: "ARGUMENT_INVALID",
    what: word === "" ? "what is to be done with cards?" : `cards can not be "${word}"`,
    found: word || "no word",
    expected: Object.keys(actions).join(", "),
    next: "npx quorate cards --help",
  });
}

const common = { network: { type: "string" }, format: { type: "string", default: "table" } } as const;

async function open(values: { network?: string | undefined; format: string }) {
  const session = await openSession({ network: values.network });
  const format = chooseFormat(values.format, ["table", "json"]);
  return { session, format, files: new CardFiles(session.stacksDir, session.network) };
}

async function publish(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { ...common, ...partyOptions } });
  const { session, format } = await open(values);
  // Loaded here, as most of what is done with cards needs no AWS.
  const { publishCards } = await import("../publish-cards.ts");
  const published = await publishCards(session, await chooseParties(session, values));
  if (format === "json") {
    const parties = published.map(({ status, card, url }) => ({
      partyId: card.card.partyId,
      status,
      ...summaryOf(card),
      url,
    }));
    terminal.print(cardsDocument(session, "publish", { verdict: "OK", findings: [], parties }));
  } else {
    terminal.print(networkLine(session.manifest, { bold: colours.bold }));
    for (const one of published) terminal.print(publishedText(one));
  }
  return exitCodes.ok;
}

async function sync(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { ...common, from: { type: "string" } } });
  const { session, format, files } = await open(values);
  const stacks = await stacksHere(session);
  const endpoint = values.from === undefined ? await s3Endpoint(stacks) : undefined;
  const from = values.from === undefined ? undefined : folderSource(await folder(values.from), session.network);
  if (values.from === undefined && (await files.readTrust()) === undefined) throw nobodyTrusted(files);
  terminal.progress(values.from === undefined ? "fetching the peers' cards" : `reading cards in ${values.from}`);
  const partyIds = peersOf(session, stacks);
  const work = {
    what: `fetching the cards of network ${session.network}`,
    expected: "the card of every peer; none was taken over",
    next: `npx quorate cards sync --network ${session.network}`,
  };
  const reports = await stoppable(work, async (signal) => {
    const source = from ?? vaultSource(endpoint, session.manifest.parties, signal);
    return await syncCards({ ...session, files, partyIds, source, signal });
  });
  terminal.print(renderCards(session, "sync", reports, format));
  return exitCodeOf(reports);
}

async function list(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: common });
  const { session, format, files } = await open(values);
  const partyIds = peersOf(session, await stacksHere(session));
  const reports = await listCards({ ...session, files, partyIds });
  terminal.print(renderCards(session, "list", reports, format));
  return exitCodeOf(reports);
}

async function show(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: common, allowPositionals: true });
  const { session, format, files } = await open(values);
  const partyId = partyNamed(session, positionals, "cards show <party>");
  const [report] = await listCards({ ...session, files, partyIds: [partyId] });
  if (report?.card === undefined) throw new OperatorError(report?.problem ?? noCard(partyId));
  terminal.print(renderOneCard(session, report, format));
  return exitCodeOf([report]);
}

async function trust(args: string[]): Promise<number> {
  const options = {
    ...common,
    url: { type: "string" },
    replace: { type: "boolean", default: false },
    own: { type: "boolean", default: false },
  } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const { session, files } = await open(values);
  if (values.own)
    return await trustOwn(session, files, { replace: values.replace, words: positionals, url: values.url });
  const usage = "cards trust <party> <fingerprint>";
  const partyId = partyNamed(session, positionals.slice(0, 1), usage);
  const fingerprint = fingerprintNamed(positionals.slice(1), usage);
  const url = values.url === undefined ? undefined : urlNamed(values.url);
  const [decided] = await decideTrust(files, [{ partyId, fingerprint, url }], values);
  const party = session.manifest.parties.find(({ id }) => id === partyId);
  const address = decided ?? (party && cardAddress(party));
  terminal.print(
    [
      networkLine(session.manifest, { bold: colours.bold }),
      `party ${partyId} is known by ${fingerprint}${address === undefined ? "; its cards come by hand" : `, its card from ${address}`}`,
      `written to ${files.trustPath}: review and commit it`,
      `next  npx quorate cards ${address === undefined ? "import <file>" : "sync"}`,
    ].join("\n"),
  );
  return exitCodes.ok;
}

/** Of whom the stacks lie here, nobody has to say the fingerprint: each one's own KMS does. */
async function trustOwn(
  session: Session,
  files: CardFiles,
  { replace, words, url }: { replace: boolean; words: readonly string[]; url: string | undefined },
): Promise<number> {
  if (words.length > 0 || url !== undefined)
    throw wrongArgument(
      [...words, ...(url === undefined ? [] : ["--url"])].join(" "),
      "cards trust --own, and no party beside it",
    );
  const stacks = await stacksHere(session);
  terminal.progress(
    `asking the KMS of ${stacks.length === 1 ? "1 party" : `${stacks.length} parties`} for the key that signs its card`,
  );
  const { ownKeys } = await import("../own-keys.ts");
  const decisions = await ownKeys(session, stacks);
  terminal.endProgress();
  await decideTrust(files, decisions, { replace });
  terminal.print(
    [
      networkLine(session.manifest, { bold: colours.bold }),
      ...decisions.map(({ partyId, fingerprint }) => `party ${partyId} is known by ${fingerprint}`),
      `written to ${files.trustPath}: review and commit it`,
      "next  npx quorate cards sync",
    ].join("\n"),
  );
  return exitCodes.ok;
}

/** The own cards out of their vaults: for a repository, or whatever else parties exchange them by. */
async function exportCards(args: string[]): Promise<number> {
  const options = { ...common, ...partyOptions, to: { type: "string", default: "." } } as const;
  const { values } = parseArgs({ args, options });
  const { session } = await open(values);
  const parties = await chooseParties(session, values);
  const { CardVault } = await import("../../fleet/card-vault.ts");
  const workDir = await new Fleet(session).workDir();
  const target = resolve(values.to);
  await mkdir(target, { recursive: true });
  for (const party of parties) {
    const outputs = await readOutputs(workDir, party);
    const vault = new CardVault(outputs);
    const stored = await vault.readCard();
    if (stored === undefined) throw new OperatorError(noCard(party.partyId));
    const path = join(target, `party-${party.partyId}.jws`);
    await replaceFile(path, stored.text);
    terminal.print(`party ${party.partyId}: ${path}`);
  }
  return exitCodes.ok;
}

async function importFiles(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: common, allowPositionals: true });
  const { session, format, files } = await open(values);
  if (positionals.length === 0) throw wrongArgument("no file", "cards import <file>…");
  const found = [];
  for (const path of (await Promise.all(positionals.map(cardFiles))).flat()) {
    const text = (await readIfThere(path)) ?? "";
    const partyId = claimedParty(text);
    // Whose it is, only its signature tells; without even a claim there is nothing to verify it against.
    if (partyId === undefined || !session.manifest.parties.some(({ id }) => id === partyId))
      throw nobodysCard(session, path, partyId);
    found.push({ partyId, found: { text, source: path } });
  }
  const reports = await importCards(found, { ...session, files });
  terminal.print(renderCards(session, "import", reports, format));
  return exitCodeOf(reports);
}

async function cardFiles(path: string): Promise<string[]> {
  const about = await stat(path).catch((failure: unknown) => {
    throw fileError(failure, path) ?? failure;
  });
  if (!about.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /^party-\d+\.jws$/.test(name)).sort();
  if (names.length === 0)
    throw wrongArgument(`no party-<n>.jws in ${path}`, "cards import <file>…, or a folder of them");
  return names.map((name) => join(path, name));
}

async function stacksHere(session: Session): Promise<PartyStack[]> {
  return await partyStacks(session.stacksDir, session.network);
}

/** An operator of one party needs no card of its own; where several stacks lie, each is a peer of the others. */
function peersOf(session: Session, stacks: readonly PartyStack[]): number[] {
  const own = stacks.length === 1 ? stacks[0]?.partyId : undefined;
  return session.manifest.parties.map(({ id }) => id).filter((id) => id !== own);
}

async function folder(path: string): Promise<string> {
  const about = await stat(path).catch((failure: unknown) => {
    throw fileError(failure, path) ?? failure;
  });
  if (about.isDirectory()) return resolve(path);
  throw wrongArgument(`--from ${path}, which is no folder`, "cards sync --from <folder>");
}

function partyNamed(session: Session, words: readonly string[], usage: string): number {
  const [word = "", ...more] = words;
  const ids = session.manifest.parties.map(({ id }) => id);
  const partyId = ids.find((id) => String(id) === word);
  if (word === "" || more.length > 0) throw wrongArgument(words.join(" ") || "no party", usage);
  if (partyId !== undefined) return partyId;
  throw new OperatorError({
    code: "PARTY_UNKNOWN",
    what: `network ${session.network} has no party ${word}`,
    found: word,
    expected: `one of ${ids.join(", ")}`,
    next: `npx quorate cards list --network ${session.network}`,
  });
}

function fingerprintNamed(words: readonly string[], usage: string): Digest {
  const parsed = Digest.safeParse(words[0]);
  if (parsed.success && words.length === 1) return parsed.data;
  throw wrongArgument(words.join(" ") || "no fingerprint", `${usage}, as sha256: and 64 lower-case hex digits`);
}

function urlNamed(text: string): string {
  const parsed = PublicUrl.safeParse(text);
  if (parsed.success) return parsed.data;
  throw wrongArgument(`--url ${text}`, "an https address, as `cards publish` prints it");
}

function wrongArgument(found: string, expected: string): OperatorError {
  return new OperatorError({
    code: "ARGUMENT_INVALID",
    what: "cards was given something that it does not take, or lacks something",
    found,
    expected,
    next: "npx quorate cards --help",
  });
}

function nobodysCard({ network, manifest }: Session, path: string, claimed: number | undefined): OperatorError {
  return new OperatorError({
    code: "CARD_UNREADABLE",
    what: `${path} is no card of a party of network ${network}`,
    found: claimed === undefined ? "no card that says whose it is" : `a card of party ${claimed}`,
    expected: `a card of one of parties ${manifest.parties.map(({ id }) => id).join(", ")}`,
    next: "ask whoever gave it to you to export it again: npx quorate cards export",
    exitCode: exitCodes.refused,
  });
}

function nobodyTrusted(files: CardFiles): OperatorError {
  return new OperatorError({
    code: "CARD_TRUST_MISSING",
    what: "no party's key is trusted yet, so no card could be",
    found: `no file ${files.trustPath}`,
    expected: "the fingerprint of each peer, as the peer told it by another way than its card",
    next: "npx quorate cards trust <party> <fingerprint> --url <address>",
  });
}

function noCard(partyId: number) {
  return {
    code: "CARD_MISSING",
    what: `party ${partyId}: there is no card of it`,
    found: "no card where it was looked for",
    expected: "a card that the party published",
    next: "npx quorate cards publish, at that party",
    exitCode: exitCodes.unknown,
  };
}
