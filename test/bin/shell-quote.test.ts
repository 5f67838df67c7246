import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { confirmCommand, shellQuote } from "../../bin/shell-quote.ts";

test("a plan that was shown is confirmed by the words that showed it, as a shell reads them", () => {
  const command = confirmCommand("run validate", ["--stage", "network", "--plan", "--network", "a b"], "7f3a9c");
  expect(command).toBe("npx quorate run validate --stage network --network 'a b' --confirm 7f3a9c");
  for (const word of ["it's", "$HOME", "", "a\nb", "--stage=network"])
    expect(execFileSync("sh", ["-c", `printf %s ${shellQuote(word)}`], { encoding: "utf8" })).toBe(word);
});
