import { PolicyPack } from "@pulumi/policy";
import { toPolicy } from "./rule.ts";
import { packName, rules } from "./rules.ts";

new PolicyPack(packName, { policies: rules.map(toPolicy) });
