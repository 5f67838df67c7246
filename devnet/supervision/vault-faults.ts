import type { KubeObject } from "../clusters/kube-client.ts";
import { type Fault, faultWanting } from "../fault.ts";
import { measurementsOf } from "./node-preparation.ts";
import type { CloudResource, Taken, VaultObject } from "./taken.ts";

// What keeps a core from what it starts with: its keys, its vault, its peers' certificates.

export type VaultFault = Extract<Fault, { kind: "lose-peer-cert" | "wrong-pcr" | "deny-vault" }>;

const kinds: ReadonlySet<Fault["kind"]> = new Set<VaultFault["kind"]>(["lose-peer-cert", "wrong-pcr", "deny-vault"]);
export const isVaultFault = (fault: Fault): fault is VaultFault => kinds.has(fault.kind);

const keyType = "aws:kms/key:Key";
const bucketPolicyType = "aws:s3/bucketPolicy:BucketPolicy";
const objectType = "aws:s3/bucketObjectv2:BucketObjectv2";
const attestedImage = "kms:RecipientAttestation:ImageSha384";

export interface VaultSources {
  accountId: string;
  /** What the core was started with: ConfigMap `mpc-party`. */
  environment: Readonly<Record<string, string>>;
  serviceAccount(): Promise<KubeObject>;
  resources(): Promise<CloudResource[]>;
  objects(bucket: string, prefix: string): Promise<VaultObject[]>;
}

/** What there is to take for a fault, in the order in which it is taken. */
export async function thingsOfVault(fault: VaultFault, sources: VaultSources): Promise<Taken[]> {
  switch (fault.kind) {
    case "lose-peer-cert":
      return await certificateOfPeer(fault, sources);
    case "wrong-pcr":
      return await keyPolicy(fault, sources);
    case "deny-vault":
      return await bucketPolicy(fault, sources);
  }
}

/** The peer's CA certificate in the own public vault. One that a program put there is its resource too. */
async function certificateOfPeer(
  fault: Extract<VaultFault, { kind: "lose-peer-cert" }>,
  sources: VaultSources,
): Promise<Taken[]> {
  const bucket = started(fault, sources, "KMS_CORE__PUBLIC_VAULT__STORAGE__S3__BUCKET");
  const objects = await sources.objects(bucket, `PUB-p${fault.peer}/CACert/`);
  if (objects.length === 0)
    throw faultWanting(
      fault,
      `the public vault of party ${fault.party} has no CA certificate of party ${fault.peer}`,
      "a copy of it",
    );
  const records = await sources.resources();
  return objects.flatMap((object): Taken[] => {
    const record = records.find(({ type, id }) => type === objectType && id === `${bucket}/${object.key}`);
    const taken: Taken = { what: "vault-object", party: fault.party, bucket, ...object };
    return record === undefined ? [taken] : [taken, resource(sources, record, record.props, null)];
  });
}

/** The policy of the key that the signing key is sealed with names an enclave that nobody runs. */
async function keyPolicy(fault: VaultFault, sources: VaultSources): Promise<Taken[]> {
  const named = started(fault, sources, "KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID");
  const keyId = named.split("/").at(-1);
  const key = (await sources.resources()).find(({ type, id }) => type === keyType && id === keyId);
  const policy = String(key?.props.policy ?? "");
  const other = measurementsOf("a release before").pcr0;
  const changed = mapStatements(policy, (statement) => ({
    ...statement,
    Condition: Object.fromEntries(
      Object.entries(statement.Condition ?? {}).map(([operator, keys]) => [
        operator,
        Object.fromEntries(
          Object.entries(keys).map(([name, value]) => [name, name === attestedImage ? [other] : value]),
        ),
      ]),
    ),
  }));
  if (key === undefined || !changed.includes(other))
    throw faultWanting(
      fault,
      `the key policy of party ${fault.party} names no enclave`,
      `a condition on ${attestedImage}`,
    );
  return [resource(sources, key, { policy }, { policy: changed })];
}

/** The policy of the private vault refuses the role of the core's service account. */
async function bucketPolicy(fault: VaultFault, sources: VaultSources): Promise<Taken[]> {
  const bucket = started(fault, sources, "KMS_CORE__PRIVATE_VAULT__STORAGE__S3__BUCKET");
  const role = (await sources.serviceAccount()).metadata.annotations?.["eks.amazonaws.com/role-arn"];
  if (role === undefined)
    throw faultWanting(
      fault,
      `the service account of party ${fault.party} names no role`,
      "eks.amazonaws.com/role-arn",
    );
  const record = (await sources.resources()).find(({ type, id }) => type === bucketPolicyType && id === bucket);
  const refusal = {
    Sid: "RoleRefused",
    Effect: "Deny",
    Principal: { AWS: role },
    Action: "s3:*",
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
  };
  if (record === undefined) {
    const policy = JSON.stringify({ Version: "2012-10-17", Statement: [refusal] });
    return [resource(sources, { type: bucketPolicyType, id: bucket, props: {} }, null, { bucket, policy })];
  }
  const policy = String(record.props.policy);
  const document = JSON.parse(policy) as PolicyDocument;
  const changed = JSON.stringify({ ...document, Statement: [...[document.Statement].flat(), refusal] });
  return [resource(sources, record, { policy }, { policy: changed })];
}

interface PolicyDocument {
  Statement: Statement | Statement[];
}

interface Statement {
  Condition?: Record<string, Record<string, unknown>>;
}

function mapStatements(policy: string, change: (statement: Statement) => Statement): string {
  if (policy === "") return "";
  const document = JSON.parse(policy) as PolicyDocument;
  const statements = [document.Statement].flat();
  return JSON.stringify({
    ...document,
    Statement: statements.map((statement) => (statement.Condition === undefined ? statement : change(statement))),
  });
}

function resource(
  { accountId }: VaultSources,
  { type, id }: CloudResource,
  was: Record<string, unknown> | null,
  left: Record<string, unknown> | null,
): Taken {
  return { what: "resource", accountId, type, id, was, left };
}

/** A value that the core was started with. */
function started(fault: VaultFault, { environment }: VaultSources, name: string): string {
  const value = environment[name];
  if (!value) throw faultWanting(fault, `the core of party ${fault.party} was not started`, `a core, with ${name}`);
  return value;
}
