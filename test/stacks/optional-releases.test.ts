import { output } from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import type { OperatorError } from "../../contract/operator-error.ts";
import { neededSecrets } from "../../contract/release-secrets.ts";
import { checkReleases } from "../../stacks/optional-releases.ts";
import { checkSecrets, secretCheck } from "../../stacks/secret-check.ts";
import { exampleSettings } from "../components/example.ts";
import { agreedConnector, wantsConnector } from "../support/releases.ts";

function refusal(config: object, manifest: object = { connector: agreedConnector() }) {
  const { config: parsed, manifest: agreed, manifestDigest: digest } = exampleSettings(manifest, config);
  const file = { manifest: agreed, digest, path: "networks/devnet.yaml" };
  try {
    checkReleases(parsed, file, "Pulumi.party-1.yaml");
  } catch (error) {
    return (error as OperatorError).problem;
  }
  return undefined;
}

describe("what runs beside a core", () => {
  test("is built where the network agreed on it, the connector has its key and database, and its Secrets are named", () => {
    expect(refusal(wantsConnector)).toBeUndefined();
    expect(refusal({})).toBeUndefined();
  });

  test("is refused where the network agreed on nothing, or on a chart that does not fit", () => {
    expect(refusal(wantsConnector, {})).toMatchObject({
      code: "RELEASE_NOT_AGREED",
      found: "quorate:connector in Pulumi.party-1.yaml, and no connector in networks/devnet.yaml",
    });
    expect(refusal(wantsConnector, { connector: agreedConnector("1.6.0") })).toMatchObject({
      code: "CHART_UNFIT",
      found: "connector.chart.version: 1.6.0, in networks/devnet.yaml",
    });
  });

  test("is refused without a key to sign with, and with no database or two", () => {
    const { txSenderKey: _key, ...unsigned } = wantsConnector;
    const { connectorDatabase: _database, ...homeless } = wantsConnector;
    const problems = [unsigned, homeless, { ...wantsConnector, connector: { database: {} } }].map((config) =>
      refusal(config),
    );
    expect(problems.map((problem) => problem?.code)).toEqual(Array(3).fill("RELEASE_INCOMPLETE"));
    expect(problems.map((problem) => problem?.found)).toEqual([
      "no quorate:txSenderKey in Pulumi.party-1.yaml",
      "neither quorate:connectorDatabase nor database in quorate:connector, in Pulumi.party-1.yaml",
      "both quorate:connectorDatabase and database in quorate:connector, in Pulumi.party-1.yaml",
    ]);
  });

  test("is refused where the migration has no TLS, and the database takes nothing else", () => {
    const forced = { ...wantsConnector, connectorDatabase: {} };
    expect(refusal(forced)).toMatchObject({
      code: "RELEASE_INCOMPLETE",
      next: expect.stringContaining("connectorDatabase.withoutTls"),
    });
    expect(refusal(forced, { connector: { ...agreedConnector(), migrationTls: "present" } })).toBeUndefined();
    const { connectorDatabase: _database, ...brought } = wantsConnector;
    expect(refusal({ ...brought, connector: { database: {} } })).toMatchObject({ code: "RELEASE_INCOMPLETE" });
    expect(refusal({ ...brought, connector: { database: { sslmode: "prefer" } } })).toBeUndefined();
  });

  test("is refused with the names and keys of the Secrets that nobody is named for", () => {
    expect(refusal({ ...wantsConnector, secrets: { byHand: ["registry-credentials", "conduit"] } })).toMatchObject({
      code: "SECRETS_NOT_NAMED",
      found: "registry-credentials, conduit in quorate:secrets, in Pulumi.party-1.yaml",
      expected: "also connector-database with username, password; rpc with ethereum-rpc-url, polygon-rpc-url",
    });
    const named = (...names: string[]) => ({
      externalSecrets: { storeName: "aws", from: names.map((name) => ({ name, remoteName: name, form: "fields" })) },
    });
    // Where the password of its own database lies, the stack knows.
    const others = named("registry-credentials", "rpc", "conduit");
    expect(refusal({ ...wantsConnector, secrets: others })).toBeUndefined();
  });
});

describe("Secrets of a release", () => {
  const place = exampleSettings({ connector: agreedConnector() }, wantsConnector);
  const needed = neededSecrets("connector", place.config, place.manifest);
  const all: Record<string, string[]> = {
    "registry-credentials": [".dockerconfigjson"],
    "connector-database": ["username", "password"],
    rpc: ["ethereum-rpc-url", "polygon-rpc-url"],
    conduit: ["conduit-rpc-http-url"],
  };
  const check = async (there: Record<string, string[]>, settings = place) => {
    const asked: string[] = [];
    const keysOf = async (namespace: string, name: string) => {
      asked.push(`${namespace}/${name}`);
      return there[name];
    };
    const failure = await checkSecrets(keysOf, needed, "connector", settings).then(
      () => undefined,
      (error: Error) => error.message,
    );
    return { asked, failure };
  };

  test("are looked up in the party's namespace, and all there let it go on", async () => {
    const { asked, failure } = await check(all);
    expect(failure).toBeUndefined();
    expect(asked).toEqual(needed.map(({ name }) => `kms-decentralized/${name}`));
  });

  test("that are missing, and missing keys, are told with the commands that make them", async () => {
    const { conduit: _conduit, ...others } = all;
    expect((await check({ ...others, rpc: ["ethereum-rpc-url"] })).failure).toMatchInlineSnapshot(`
      "SECRETS_MISSING  party 1 (devnet): quorate:connector reads Secrets that are not there, so its pods would not start
        found     rpc: no key polygon-rpc-url; conduit: no such Secret
        expected  rpc with ethereum-rpc-url, polygon-rpc-url; conduit with conduit-rpc-http-url
        next      kubectl --namespace kms-decentralized delete secret rpc; kubectl --namespace kms-decentralized create secret generic rpc --from-file=ethereum-rpc-url=<file> --from-file=polygon-rpc-url=<file>; kubectl --namespace kms-decentralized create secret generic conduit --from-file=conduit-rpc-http-url=<file>; then npx quorate up --party 1"
    `);
  });

  test("of the core are those that pull its images, where somebody is named who fills them", async () => {
    const of = (secrets: object | undefined) => {
      const { config, manifest } = exampleSettings({}, { secrets });
      return neededSecrets("core", config, manifest);
    };
    const byHand = of({ byHand: ["registry-credentials"] });
    expect(byHand).toEqual([{ name: "registry-credentials", keys: [".dockerconfigjson"] }]);
    expect(of(undefined)).toEqual([]);
    await expect(checkSecrets(async () => undefined, byHand, "core", place)).rejects.toThrow(
      /^SECRETS_MISSING {2}party 1 \(devnet\): its core reads Secrets that are not there/,
    );
  });

  test("that the External Secrets operator should have filled are looked for there", async () => {
    const from = [{ name: "registry-credentials", remoteName: "r", form: "registry" }];
    const settings = exampleSettings({}, { secrets: { externalSecrets: { storeName: "aws", from } } });
    expect((await check({}, settings)).failure).toContain(
      "kubectl --namespace kms-decentralized describe externalsecret registry-credentials",
    );
  });

  test("are asked for by the token command of the cluster's kubeconfig, whose failure is told", async () => {
    const cluster = { server: "https://127.0.0.1:1", "certificate-authority-data": "" };
    const exec = { command: process.execPath, args: ["--eval", 'console.log(\'{"status":{"token":"t"}}\')'] };
    const kubeconfig = (user: object) => output(JSON.stringify({ clusters: [{ cluster }], users: [{ user }] }));
    const asked = (user: object) => secretCheck(kubeconfig(user), place)("connector")?.({} as never);
    await expect(asked({ exec })).rejects.toThrow("ECONNREFUSED");
    await expect(asked({ exec: { ...exec, args: ["--eval", "process.exit(3)"] } })).rejects.toThrow("Command failed");
  });
});
