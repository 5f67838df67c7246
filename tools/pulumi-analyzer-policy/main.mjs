import { createRequire, enableCompileCache } from "node:module";
import { join } from "node:path";

// The official launcher of policy packs comes with the official CLI and not with the engine's Go module. This one does
// the same: it starts the pack in the working folder, with the SDK that the pack has.
const { QUORATE_POLICY_PORT: port } = process.env;
if (port) {
  // Whoever started the engine runs the rules himself. The engine closes our input when it ends, however it ends.
  process.stdout.write(`${port}\n`);
  process.stdin.resume();
} else {
  enableCompileCache();
  const require = createRequire(join(process.cwd(), "package.json"));
  require("@pulumi/pulumi/cmd/run-policy-pack");
}
