import { ofType, refersTo, type StackRule, type Subject, type Violation } from "./rule.ts";

/** Check of a rule that every bucket needs a resource beside it which says something. */
export function besideEveryBucket(
  types: readonly string[],
  missing: Violation,
  problem: (companion: Subject) => Violation | undefined,
): StackRule["checkStack"] {
  return (subjects, tell, each) => {
    const companions = ofType(subjects, ...types);
    each(ofType(subjects, "aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"), (bucket) => {
      // Of several the last one that is made counts, and nobody knows which that is.
      const found = companions.filter((one) => refersTo(one, "bucket", bucket));
      if (found.length === 0) return tell(bucket, missing);
      each(found, (companion) => {
        const violation = problem(companion);
        if (violation) tell(companion, violation);
      });
    });
  };
}
