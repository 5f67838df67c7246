import { main } from "./main.ts";

// Called by a kubeconfig's exec entry: as `quorate/eks-token` from --eval, then argv[1] is the first option already, or as a file.
const words = process.argv.slice(1).filter((word) => word !== "--");
process.exitCode = await main("eks-token", words[0]?.startsWith("--") ? words : words.slice(1));
