/** Annotation of the core's pod: another certificate is another pod, since a core reads them when it starts. */
export const peerCertificatesAnnotation = "quorate.dev/peer-certificates";

/** Whether the core starts, and with whose certificates. */
export interface CoreStart {
  /** Peers whose CA certificate is missing. The core is held back for them: its keys and its own certificate are made, and no more. */
  heldFor: readonly number[];
  /** What the core's pod is to say of the peers' certificates; undefined where somebody else brings them. */
  peerCertificates: string | undefined;
}

/** A core for which somebody else puts the certificates into the vault. */
export const startsAtOnce: CoreStart = { heldFor: [], peerCertificates: undefined };
