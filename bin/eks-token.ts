import { main } from "./main.ts";

// Loaded by a kubeconfig's exec entry as `quorate/eks-token`; what follows `--` are its options.
process.exitCode = await main(
  "eks-token",
  process.argv.slice(1).filter((word) => word !== "--"),
);
