import { OperatorError, type Problem } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";

/** Who asked AWS for what. */
export interface AwsQuestion {
  partyId?: number;
  /** As IAM writes it: `eks:DescribeCluster`. */
  action: string;
  /** What it was asked of. */
  of: string;
  profile: string;
  region: string;
  accountId?: string;
  /** ARN of whoever the profile's keys belong to, as far as it is known. */
  caller?: string | undefined;
}

/** AWS's services spell the same refusal differently. */
const kinds: readonly [RegExp, (question: AwsQuestion) => Omit<Problem, "found">][] = [
  [
    /^(CredentialsProviderError|TokenProviderError|MissingAuthenticationToken\w*)$/,
    ({ profile }) => ({
      code: "AWS_CREDENTIALS_MISSING",
      what: `profile ${profile} has no credentials that can be used`,
      expected: `keys, a role or a login under [${profile}] in your AWS configuration`,
      next: `aws configure --profile ${profile}, or aws sso login --profile ${profile}`,
    }),
  ],
  [
    /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|ExpiredToken\w*|RequestExpired|SignatureDoesNotMatch|InvalidSignatureException|InvalidToken|AuthFailure)$/,
    ({ profile }) => ({
      code: "AWS_CREDENTIALS_REFUSED",
      what: `AWS does not accept the credentials of profile ${profile}`,
      expected: "keys that are valid, and not expired",
      next: `renew them, then try: aws sts get-caller-identity --profile ${profile}`,
    }),
  ],
  [
    /^(AccessDenied\w*|UnauthorizedOperation|UnauthorizedException|NotAuthorized\w*|Forbidden)$/,
    ({ profile, action, of, caller }) => ({
      code: "AWS_DENIED",
      what: `${caller ?? `profile ${profile}`} may not ${action} on ${of}`,
      expected: `a policy that allows ${action}`,
      next: `have the owner of the account allow it, or take another role: aws sts get-caller-identity --profile ${profile}`,
    }),
  ],
  [
    /^ResourceNotFoundException$/,
    ({ of, region, profile }) => ({
      code: "CLUSTER_MISSING",
      what: `there is no ${of} in ${region}`,
      expected: "the cluster that the party's outputs name",
      next: `aws eks list-clusters --region ${region} --profile ${profile}`,
    }),
  ],
];

/** What an operator can do about a question that AWS did not answer. */
export function awsFailure(question: AwsQuestion, cause: unknown): OperatorError {
  const name = cause instanceof Error ? cause.name : "";
  const kind = kinds.find(([names]) => names.test(name))?.[1];
  const { partyId, action, of, profile, region, accountId } = question;
  const whose = partyId === undefined ? "" : `party ${partyId}: `;
  const problem = kind?.(question) ?? {
    code: "AWS_UNREACHABLE",
    what: `no answer to ${action} on ${of} with profile ${profile}`,
    expected: `an answer ${accountId === undefined ? "" : `from account ${accountId} `}in ${region}`,
    next: `check the network, and: aws sts get-caller-identity --profile ${profile}`,
  };
  const found = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new OperatorError({ ...problem, what: whose + problem.what, found, exitCode: exitCodes.unknown }, { cause });
}
